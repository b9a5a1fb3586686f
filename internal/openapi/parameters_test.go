package openapi

import (
	"net/http"
	"strings"
	"testing"

	"millrace/internal/callback"
	"millrace/internal/catalog"
)

// What an action does not take is refused by its name; what every action has, and
// what is empty, is not.
func TestParameters(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	const list = "DescribeLiveUserDomains"
	ask := func(status int, code, message, action string, more ...string) {
		t.Helper()
		w.want(t, w.v1(k, http.MethodPost, action, more...), status, code, message)
	}
	ask(200, "", "", list, "RegionId", "cn-shanghai", "OwnerId", "7", "OwnerAccount", "me", "SignatureType", "")
	ask(400, "InvalidParameter", `"DomainNmae"`, list, "DomainNmae", "a.test")
	ask(400, "InvalidParameter", `"SecurityToken"`, list, "SecurityToken", "t")
	ask(400, "InvalidParameter", `"A"`, list, "B", "1", "A", "1")
	r := w.v1(k, http.MethodGet, list)
	if sent, err := parsePairs(r.URL.RawQuery); err != nil || len(sent) != 9 {
		t.Fatalf("%v, %v", sent, err)
	}
	ask(400, "InvalidParameter", `"CheckUrl"`, "AddLiveDomain", "DomainName", "a.test", "LiveDomainType", "liveEdge", "Region", "local", "CheckUrl", "a.test/x")
	ask(400, "InvalidParameter", `"TopLevelDomain"`, "AddLiveDomain", "DomainName", "a.test", "LiveDomainType", "liveEdge", "Region", "local", "TopLevelDomain", "test")
	add := []string{"LiveDomainType", "liveEdge", "Region", "local"}
	ask(200, "", "", "AddLiveDomain", append(add, "DomainName", "a.test", "Tag.1.Key", "team", "Tag.1.Value", "one", "Tag.7.Key", "old", "ResourceGroupId", "rg-1")...)
	ask(200, "", "", "AddLiveDomain", append(add, "DomainName", "b.test", "Tag.1.Key", "team", "Tag.1.Value", "two")...)
	for _, bad := range [][]string{
		{"Tag.1.Value", "v"}, {"Tag.21.Key", "k"}, {"Tag.0.Key", "k"}, {"Tag.1.Key", strings.Repeat("k", 129)}, {"Tag.1.Key", "k", "Tag.2.Key", "k"},
	} {
		ask(400, "InvalidTag.Malformed", "", "AddLiveDomain", append(append(add, "DomainName", "c.test"), bad...)...)
	}
	ask(400, "InvalidParameter", `"Tag.1.Name"`, "AddLiveDomain", append(add, "DomainName", "c.test", "Tag.1.Name", "k")...)
	for want, filter := range map[string][]string{
		"a.test b.test": {"Tag.1.Key", "team"}, "b.test": {"Tag.1.Key", "team", "Tag.1.Value", "two"}, "a.test": {"Tag.3.Key", "old", "Tag.4.Key", "team"},
		"": {"Tag.1.Key", "none"}, "a.test ": {"ResourceGroupId", "rg-1"},
	} {
		_, doc := w.ask(t, w.v1(k, http.MethodGet, list, filter...))
		var got []string
		for _, d := range doc["Domains"].(map[string]any)["PageData"].([]any) { //nolint:errcheck,forcetypeassert // as built
			got = append(got, d.(map[string]any)["DomainName"].(string)) //nolint:errcheck,forcetypeassert // as built
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%v: %v, want %q", filter, got, want)
		}
	}
	ask(400, "InvalidParameter", `"ExceptionNotifyUrl"`, "SetLiveStreamsNotifyUrlConfig", "DomainName", "a.test", "ExceptionNotifyUrl", "http://x.test/")
	ask(400, "InvalidParameter", `"SwitchNotifyUrl"`, "SetLiveStreamsNotifyUrlConfig", "DomainName", "a.test", "NotifyUrl", "http://x.test/", "SwitchNotifyUrl", "http://x.test/")
	ask(400, "MissingNotifyUrl", "", "SetLiveStreamsNotifyUrlConfig", "DomainName", "a.test")
	ask(400, "MissingNotifyAuthKey", "", "SetLiveStreamsNotifyUrlConfig", "DomainName", "a.test", "NotifyUrl", "http://x.test/", "NotifyReqAuth", "yes")
}

// A key that may only read sees no secret, one that may write does.
func TestSecretsOfReaders(t *testing.T) {
	w := begin(t)
	full, reader, mine := w.key(t, catalog.Full, ""), w.key(t, catalog.ReadOnly, ""), w.key(t, catalog.OneDomain, "push.test")
	w.want(t, w.v1(full, http.MethodPost, "AddLiveDomain", "DomainName", "push.test", "LiveDomainType", "liveEdge", "Region", "local"), 200, "", "")
	w.want(t, w.v1(full, http.MethodPost, "AddLiveDomain", "DomainName", "play.test", "LiveDomainType", "liveVideo", "Region", "local"), 200, "", "")
	w.want(t, w.v1(full, http.MethodPost, "AddLiveDomainMapping", "PushDomain", "push.test", "PullDomain", "play.test"), 200, "", "")
	set := func(k catalog.AccessKey, first string, status int, code, message string) {
		t.Helper()
		w.want(t, w.v1(k, http.MethodPost, "BatchSetLiveDomainConfigs", "DomainNames", "push.test", "Functions",
			`[{"functionName":"aliauth","functionArgs":[{"argName":"auth_type","argValue":"type_a"},{"argName":"auth_key1","argValue":"`+first+`"},{"argName":"auth_key2","argValue":"secretTwo"}]},
			{"functionName":"l2_oss_key","functionArgs":[{"argName":"l2_private_key","argValue":"secretThree"}]}]`), status, code, message)
	}
	set(full, "secretOne", 200, "", "")
	set(full, "******", 400, "InvalidFunctions.Malformed", "auth_key1")
	w.want(t, w.v1(full, http.MethodPost, "SetLiveStreamsNotifyUrlConfig", "DomainName", "push.test", "NotifyUrl", "http://me:secretSeven@x.test/at?token=secretEight&a=", "NotifyReqAuth", "yes", "NotifyAuthKey", "secretFour1234567"), 200, "", "")
	w.want(t, w.v1(full, http.MethodPost, "SetLiveStreamsNotifyUrlConfig", "DomainName", "push.test", "NotifyUrl", "http://******@x.test/"), 400, "InvalidNotifyUrl.Malformed", "in place of")
	w.want(t, w.v1(full, http.MethodPost, "SetLiveStreamsNotifyUrlConfig", "DomainName", "push.test", "NotifyUrl", "http://x.test/?token=%2A%2a%2A***"), 400, "InvalidNotifyUrl.Malformed", "in place of")
	w.want(t, w.v1(full, http.MethodPost, "SetLiveStreamsNotifyUrlConfig", "DomainName", "push.test", "NotifyUrl", "http://x.test/#a"), 400, "InvalidNotifyUrl.Malformed", "fragment")
	w.publish(t, "push.test", "a", "vhost=x&auth_key=1-%40-0-secretFive&b=c")
	w.deliveries = []callback.Delivery{{Domain: "push.test", Stream: "a", Event: "publish", Began: w.now, URL: "https://x.test?secretNine", Query: "id=a&usrargs=vhost%3Dx%26auth_key%3D1-%2540-0-secretSix%26b%3Dc&node=n"}}
	span := []string{"DomainName", "push.test", "StartTime", "2026-11-20T10:00:00Z", "EndTime", "2026-11-20T11:00:00Z"}
	for action, c := range map[string]struct {
		more    []string
		secrets []string
		stays   string
	}{
		"DescribeLiveDomainConfigs":          {[]string{"DomainName", "push.test"}, []string{"secretOne", "secretTwo", "secretThree"}, "type_a"},
		"DescribeLiveStreamsNotifyUrlConfig": {[]string{"DomainName", "push.test"}, []string{"secretFour1234567", "me:secretSeven@", "token=secretEight"}, "@x.test/at?token="},
		"DescribeLiveStreamsOnlineList":      {[]string{"DomainName", "push.test"}, []string{"secretFive"}, "b=c"},
		"DescribeLiveStreamsPublishList":     {span, nil, "rtmp://push.test/live/a"},
		"DescribeLiveStreamsNotifyRecords":   {span, []string{"secretSix", "secretNine"}, "%26b%3Dc"},
		"DescribeLiveDomainDetail":           {[]string{"DomainName", "push.test"}, nil, "push.test"},
		"DescribeLiveDomainCertificateInfo":  {[]string{"DomainName", "push.test"}, nil, "push.test"},
		"DescribeLiveCertificateList":        {nil, nil, "Count"},
		"DescribeLiveUserDomains":            {nil, nil, "push.test"},
	} {
		text := func(k catalog.AccessKey) string {
			t.Helper()
			rec := answerTo(w, w.v1(k, http.MethodGet, action, c.more...))
			if rec.Code != 200 || !strings.Contains(rec.Body.String(), c.stays) {
				t.Errorf("%s: %d %s", action, rec.Code, rec.Body)
			}
			return rec.Body.String()
		}
		seen := text(reader)
		if strings.Contains(seen, "secret") {
			t.Errorf("%s: a reader sees %s", action, seen)
		}
		for _, k := range []catalog.AccessKey{full, mine} {
			if len(c.more) == 0 {
				continue // of no one domain
			}
			seen = text(k)
			for _, s := range c.secrets {
				if !strings.Contains(seen, s) {
					t.Errorf("%s: %s does not see %s", action, k.Scope, s)
				}
			}
		}
	}
}
