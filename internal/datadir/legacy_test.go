package datadir

import (
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
	s, err := got.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		role catalog.Role
		mode catalog.Mode
		auth catalog.Auth
	}{
		"push.example.com": {catalog.Ingest, "", catalog.Auth{Enabled: true, PrimaryKey: "one", SecondaryKey: "two", Validity: 30 * time.Minute}},
		"play.example.com": {catalog.Streaming, catalog.HalfSecond, catalog.Auth{}},
		"more.example.com": {catalog.Streaming, catalog.SubSecond, catalog.Auth{}},
	} {
		d := s.Domain(name)
		if d == nil || d.Role != want.role || d.Main != "play.example.com" || d.Mode != want.mode || d.Auth != want.auth {
			t.Errorf("%s: got %+v", name, d)
		}
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
	{"no key", "primary-key: one", "default: false", "auth_key1 is missing"},
	{"no validity", "validity-minutes: 30", "default: false", "validity-minutes wants 1"},
	{"endless validity", "validity-minutes: 30", "validity-minutes: 9223372036854775807", "validity-minutes wants 1"},
	{"streaming domain elsewhere", "streaming-domain: play.example.com", "streaming-domain: play.example.org", "no streaming domain here"},
	{"nested", "streaming-domain: play.example.com", "streaming-domain: more.example.com", "is a sub-streaming domain of"},
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
		doc, err := parseDomains([]byte(src))
		if err != nil {
			return
		}
		for _, d := range doc.Domains {
			if d.Auth.Enabled && (d.Auth.PrimaryKey == "" || d.Auth.Validity < time.Minute) {
				t.Fatalf("%+v", d)
			}
		}
	})
}
