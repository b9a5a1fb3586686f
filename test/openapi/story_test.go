package openapi

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/live"
)

// publisher is an ffmpeg that publishes.
type publisher struct {
	ended chan struct{}
	said  strings.Builder
}

// publish starts an ffmpeg that publishes live/show to a domain.
func (n *node) publish(t *testing.T, domain, token string) *publisher {
	t.Helper()
	p := &publisher{ended: make(chan struct{})}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-loglevel", "error", "-re",
		"-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-f", "flv", "-rtmp_tcurl", "rtmp://"+domain+"/live", "rtmp://"+n.rtmp+"/live/show?auth_key="+token)
	cmd.Stderr = &p.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-p.ended })
	return p
}

func (p *publisher) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the publisher goes on")
	}
}

// token signs a path, by itself as any generator of URLs does.
func token(path, key string) string {
	stamp := fmt.Sprint(time.Now().Unix())
	sum := md5.Sum([]byte(path + "-" + stamp + "-0-0-" + key))
	return stamp + "-0-0-" + hex.EncodeToString(sum[:])
}

func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// From nothing to a stream that is forbidden, cut and resumed, by the official
// client and ffmpeg; and what is there after a restart.
func TestStory(t *testing.T) {
	const push, pull, key, notifyKey = "push.story.test", "play.story.test", "0123456789ingest", "0123456789abcdef"
	told := make(chan url.Values, 100)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sum := md5.Sum([]byte(push + "|" + r.Header.Get("Ali-Live-Timestamp") + "|" + notifyKey))
		if r.Header.Get("Ali-Live-Signature") != hex.EncodeToString(sum[:]) {
			t.Errorf("a callback is not signed: %v", r.Header)
		}
		told <- r.URL.Query()
	}))
	defer listener.Close()
	hear := func(action string) {
		t.Helper()
		select {
		case q := <-told:
			if q.Get("action") != action || q.Get("app") != push || q.Get("appname") != "live" || q.Get("id") != "show" || q.Get("ip") != "127.0.0.1" ||
				!strings.HasPrefix(q.Get("usrargs"), "auth_key=") || q.Get("node") == "" {
				t.Errorf("callback %v, want %s", q, action)
			}
		case <-time.After(patience):
			t.Fatalf("no callback %s", action)
		}
	}

	dir := t.TempDir()
	n := serve(t, dir, "--callback-private")
	keyID, secret := n.key, n.secret
	if keyID == "" || secret == "" {
		t.Fatal("the banner of the first start shows no key")
	}
	c := n.client(t, keyID, secret)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, kind := range map[string]string{push: "liveEdge", pull: "liveVideo"} {
		must(c.AddLiveDomain(request(live.CreateAddLiveDomainRequest, func(r *live.AddLiveDomainRequest) {
			r.DomainName, r.LiveDomainType, r.Region = name, kind, "cn-shanghai"
		})))
	}
	must(c.AddLiveDomainMapping(request(live.CreateAddLiveDomainMappingRequest, func(r *live.AddLiveDomainMappingRequest) { r.PushDomain, r.PullDomain = push, pull })))
	set := func(domain, functions string) {
		t.Helper()
		must(c.BatchSetLiveDomainConfigs(request(live.CreateBatchSetLiveDomainConfigsRequest, func(r *live.BatchSetLiveDomainConfigsRequest) { r.DomainNames, r.Functions = domain, functions })))
	}
	set(push, `[{"functionName":"aliauth","functionArgs":[{"argName":"auth_type","argValue":"type_a"},{"argName":"auth_key1","argValue":"`+key+`"},{"argName":"ali_auth_delta","argValue":"3600"}]}]`)
	set(pull, `[{"functionName":"rts","functionArgs":[{"argName":"enable","argValue":"on"},{"argName":"mode","argValue":"sub_second"}]},
		{"functionName":"set_resp_header","functionArgs":[{"argName":"key","argValue":"Access-Control-Allow-Origin"},{"argName":"value","argValue":"https://story.test"}]}]`)
	must(c.SetLiveStreamsNotifyUrlConfig(request(live.CreateSetLiveStreamsNotifyUrlConfigRequest, func(r *live.SetLiveStreamsNotifyUrlConfigRequest) {
		r.DomainName, r.NotifyUrl, r.NotifyReqAuth, r.NotifyAuthKey = push, listener.URL+"/notify?mine=1", "yes", notifyKey
	})))

	online := func(domain string) []live.LiveStreamOnlineInfo {
		t.Helper()
		r, err := c.DescribeLiveStreamsOnlineList(request(live.CreateDescribeLiveStreamsOnlineListRequest, func(r *live.DescribeLiveStreamsOnlineListRequest) { r.DomainName = domain }))
		must(r, err)
		return r.OnlineInfo.LiveStreamOnlineInfo
	}
	n.publish(t, push, token("/live/show", "another key")).awaitEnd(t)
	first := n.publish(t, push, token("/live/show", key))
	await(t, "the stream to be online", func() bool { l := online(push); return len(l) == 1 && l[0].Height == 180 })
	if v := online(pull)[0]; v.AppName != "live" || v.StreamName != "show" || v.PublishDomain != push || v.DomainName != pull || v.ClientIp != "127.0.0.1" || v.VideoCodecId != 7 || v.AudioCodecId != 10 {
		t.Errorf("online: %+v", v)
	}
	hear("publish")
	await(t, "what it sends to be measured", func() bool {
		v := online(push)[0]
		return v.FrameRate > 0 && v.FrameRate < 60 && v.VideoDataRate > 0 && v.AudioDataRate > 0 && v.Transcoded == "no"
	})

	began := time.Now()
	must(forbid(c, push, "show", "")())
	first.awaitEnd(t)
	t.Logf("the publisher was cut after %v", time.Since(began))
	hear("publish_done")
	n.publish(t, push, token("/live/show", key)).awaitEnd(t) // it is refused
	if l := online(push); len(l) != 0 {
		t.Errorf("online although forbidden: %+v", l)
	}
	must(resume(c, push, "show")())
	again := n.publish(t, push, token("/live/show", key))
	await(t, "the stream to be back", func() bool { return len(online(push)) == 1 })
	hear("publish")
	must(c.ForbidLiveStream(request(live.CreateForbidLiveStreamRequest, func(r *live.ForbidLiveStreamRequest) {
		r.DomainName, r.AppName, r.StreamName, r.LiveStreamType, r.Oneshot = push, "live", "show", "publisher", "yes"
	})))
	again.awaitEnd(t)
	hear("publish_done")
	n.stop()

	n = serve(t, dir)
	if n.key != "" {
		t.Error("a key is shown on the second start")
	}
	c = n.client(t, keyID, secret)
	published, err := c.DescribeLiveStreamsPublishList(request(live.CreateDescribeLiveStreamsPublishListRequest, func(r *live.DescribeLiveStreamsPublishListRequest) {
		r.DomainName, r.StartTime, r.EndTime = push, hour(-1), hour(1)
	}))
	must(published, err)
	list := published.PublishInfo.LiveStreamPublishInfo
	if len(list) != 2 || list[0].StopTime == "" || list[0].ClientAddr != "127.0.0.1" {
		t.Errorf("published: %+v", list)
	}
	records, err := c.DescribeLiveStreamsNotifyRecords(request(live.CreateDescribeLiveStreamsNotifyRecordsRequest, func(r *live.DescribeLiveStreamsNotifyRecordsRequest) {
		r.DomainName, r.StartTime, r.EndTime, r.Status = push, hour(-1), hour(1), "success"
	}))
	must(records, err)
	if records.TotalNum != 4 || records.NotifyRecordsInfo.LiveStreamNotifyRecordsInfo[0].NotifyType != "publish_done" {
		t.Errorf("callbacks: %+v", records)
	}
}

// A node that is killed while somebody publishes tells of the end when it starts
// again.
func TestKilledNode(t *testing.T) {
	const push, pull = "push.killed.test", "play.killed.test"
	told := make(chan string, 100)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.Query().Get("action") }))
	defer listener.Close()
	// What was delivered, but not yet written down as delivered, comes again.
	hear := func(want, again string) {
		t.Helper()
		late := time.After(patience)
		for {
			select {
			case got := <-told:
				if got == want {
					return
				}
				if got != again {
					t.Fatalf("callback %s, want %s", got, want)
				}
			case <-late:
				t.Fatalf("no callback %s", want)
			}
		}
	}
	dir := t.TempDir()
	n := serve(t, dir, "--callback-private")
	c := n.client(t, n.key, n.secret)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, kind := range map[string]string{push: "liveEdge", pull: "liveVideo"} {
		must(c.AddLiveDomain(request(live.CreateAddLiveDomainRequest, func(r *live.AddLiveDomainRequest) {
			r.DomainName, r.LiveDomainType, r.Region = name, kind, "cn-shanghai"
		})))
	}
	must(c.AddLiveDomainMapping(request(live.CreateAddLiveDomainMappingRequest, func(r *live.AddLiveDomainMappingRequest) { r.PushDomain, r.PullDomain = push, pull })))
	must(c.BatchSetLiveDomainConfigs(request(live.CreateBatchSetLiveDomainConfigsRequest, func(r *live.BatchSetLiveDomainConfigsRequest) {
		r.DomainNames, r.Functions = push, `[{"functionName":"aliauth","functionArgs":[{"argName":"auth_type","argValue":"no_auth"}]}]`
	})))
	must(c.SetLiveStreamsNotifyUrlConfig(request(live.CreateSetLiveStreamsNotifyUrlConfigRequest, func(r *live.SetLiveStreamsNotifyUrlConfigRequest) {
		r.DomainName, r.NotifyUrl = push, listener.URL
	})))
	n.publish(t, push, "")
	hear("publish", "")
	n.kill()
	serve(t, dir, "--callback-private")
	hear("publish_done", "publish")
}
