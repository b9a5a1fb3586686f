package datadir

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
)

const ownDomains = `
domains:
  - name: Push.Example.com
    type: ingest
    streaming-domain: play.example.com
    signing: true
    primary-key: one
    secondary-key: two
    validity-minutes: 30
  - name: play.example.com
    type: streaming
    mode: half-second
  - name: more.example.com
    type: streaming
    streaming-domain: Play.Example.com
`

func TestOwnDomains(t *testing.T) {
	got, err := parseDomains([]byte(ownDomains))
	if err != nil {
		t.Fatal(err)
	}
	want := []catalog.Domain{
		{
			Name: "push.example.com", Role: catalog.Ingest, Main: "play.example.com",
			Auth: catalog.Auth{Enabled: true, PrimaryKey: "one", SecondaryKey: "two", Validity: 30 * time.Minute},
		},
		{Name: "play.example.com", Role: catalog.Streaming, Main: "play.example.com", Mode: catalog.HalfSecond},
		{Name: "more.example.com", Role: catalog.Streaming, Main: "play.example.com", Mode: catalog.SubSecond},
	}
	if !reflect.DeepEqual(got.Domains, want) {
		t.Errorf("got %+v\nwant %+v", got.Domains, want)
	}
}

// badDomains change one line of ownDomains, or replace all of them.
var badDomains = []struct{ name, from, to, want string }{
	{"unknown key", "type: ingest", "kind: ingest", "kind"},
	{"type", "type: ingest", "type: edge", "neither ingest nor streaming"},
	{"mode", "half-second", "no-second", "neither sub-second nor half-second"},
	{"mode of ingest", "signing: true", "mode: sub-second", "none of its own"},
	{"host name", "Push.Example.com", "push_example", "no host name"},
	{"host name with a port", "Push.Example.com", `"push.example.com:1935"`, "no host name"},
	{"no name", "name: Push.Example.com", `name: ""`, "no host name"},
	{"twice", "more.example.com", "play.example.com", "there twice"},
	{"no key", "primary-key: one", "default: false", "wants a primary-key"},
	{"no validity", "validity-minutes: 30", "default: false", "validity-minutes wants 1"},
	{"endless validity", "validity-minutes: 30", "validity-minutes: 9223372036854775807", "validity-minutes wants 1"},
	{"no streaming domain", "    streaming-domain: play.example.com\n", "", "wants a streaming-domain"},
	{"streaming domain elsewhere", "streaming-domain: play.example.com", "streaming-domain: play.example.org", "no streaming domain here"},
	{"nested", "streaming-domain: play.example.com", "streaming-domain: more.example.com", "hangs under"},
	{"two defaults", "type: streaming", "type: streaming\n    default: true", "both the default"},
	{"not YAML", "domains:", "domains: [", "["},
	{"repeated key", "primary-key: one", "primary-key: one\n    primary-key: two", "primary-key"},
}

func TestBadDomains(t *testing.T) {
	for _, c := range badDomains {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseDomains([]byte(strings.ReplaceAll(ownDomains, c.from, c.to)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzDomains(f *testing.F) {
	f.Add(ownDomains)
	for _, c := range badDomains {
		f.Add(strings.ReplaceAll(ownDomains, c.from, c.to))
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := parseDomains([]byte(src))
		if err != nil {
			return
		}
		for _, d := range s.Domains {
			if d.Auth.Enabled && (d.Auth.PrimaryKey == "" || d.Auth.Validity < time.Minute) {
				t.Fatalf("%+v", d)
			}
		}
	})
}
