package config_test

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"millrace/internal/catalog"
	"millrace/internal/config"
)

// parse runs a command line and, where yaml is not "", a configuration file
// through kong, as the program does.
func parse(t *testing.T, yaml string, args ...string) (config.Config, error) {
	t.Helper()
	var c config.Config
	options := []kong.Option{kong.Writers(io.Discard, io.Discard)}
	if yaml != "" {
		resolver, err := config.Load(strings.NewReader(yaml))
		if err != nil {
			return c, err
		}
		options = append(options, kong.Resolvers(resolver))
	}
	k, err := kong.New(&c, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(args); err != nil {
		return c, err
	}
	return c.Finish()
}

func TestDefaults(t *testing.T) {
	got, err := parse(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("no flags give %+v, Default is %+v", got, config.Default())
	}
	if got.Mode() != "" || got.AlwaysTakeOver() {
		t.Errorf("mode %q, take over always %v", got.Mode(), got.AlwaysTakeOver())
	}
	if got.Level() != slog.LevelInfo {
		t.Errorf("level %v", got.Level())
	}
}

func TestFlagsOverrideTheFile(t *testing.T) {
	const file = `
# every setting there is
data-dir: /var/lib/millrace
http-addr: 127.0.0.1:80
https-addr: ":444"
tls: true
acme: true
acme-ca: https://ca.example/dir
acme-email: ops@example.com
acme-roots: /etc/ca.pem
rtmp-addr: :1936
srt-addr: off
srt-passphrase: correct horse battery
srt-latency: 1s
tail-mib: 8
audit-mib: 3
tail-age: 10s
rtc-addr: "[::1]:9000"
admin-addr: localhost:9091
rtc-ip:
  - 192.0.2.1
  - 2001:db8::1
no-auth: true
demo: true
domain-quota: 50
stream-quota: 7
rts-mode: half-second
take-over: always
pull:
  - stream: live/cam-*
    from: ["rtmp://a/{app}/{stream}", "https://b/{stream}.flv?k=1"]
  - {stream: live/news, domain: play.example, from: ["srt://c:1105"], always: true}
push:
  - {stream: live/*, to: ["rtmps://d/{app}/{stream}"], opus: true}
relay-allow: [10.0.0.0/8, "::1/128"]
log-level: debug
log-format: json
`
	whole := config.Config{
		DataDir: "/var/lib/millrace", HTTPAddr: "127.0.0.1:80", HTTPSAddr: ":444", TLS: true, RTMPAddr: ":1936",
		ACME: true, ACMECA: "https://ca.example/dir", ACMEEmail: "ops@example.com", ACMERoots: "/etc/ca.pem",
		RTCAddr: "[::1]:9000", AdminAddr: "localhost:9091",
		RTCIPs:        []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		SRTPassphrase: "correct horse battery", SRTLatency: time.Second, TailMiB: 8, TailAge: 10 * time.Second,
		NoAuth: true, Demo: true, DomainQuota: 50, StreamQuota: 7, AuditMiB: 3, RTSMode: "half-second", TakeOver: "always", LogLevel: "debug", LogFormat: "json",
		Pull: config.Pulls{
			{Stream: "live/cam-*", From: []string{"rtmp://a/{app}/{stream}", "https://b/{stream}.flv?k=1"}},
			{Stream: "live/news", Domain: "play.example", From: []string{"srt://c:1105"}, Always: true},
		},
		Push:       config.Pushes{{Stream: "live/*", To: []string{"rtmps://d/{app}/{stream}"}, Opus: true}},
		RelayAllow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
	got, err := parse(t, file)
	if err != nil || !reflect.DeepEqual(got, whole) {
		t.Fatalf("file alone: %v\n got %+v\nwant %+v", err, got, whole)
	}

	if got.Mode() != catalog.HalfSecond || !got.AlwaysTakeOver() {
		t.Errorf("mode %q, take over always %v", got.Mode(), got.AlwaysTakeOver())
	}

	got, err = parse(t, file, "--http-addr=:8081", "--no-auth=false", "--rtc-ip=127.0.0.1", "--log-level", "warn")
	whole.HTTPAddr, whole.NoAuth, whole.LogLevel = ":8081", false, "warn"
	whole.RTCIPs = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	if err != nil || !reflect.DeepEqual(got, whole) {
		t.Fatalf("file and flags: %v\n got %+v\nwant %+v", err, got, whole)
	}
}

func TestRulesOnTheCommandLine(t *testing.T) {
	got, err := parse(t, "", "--pull={stream: live/a, from: ['rtmp://a/b/c']}", "--pull=[{stream: live/b, from: ['rtmp://a/b/c']}]")
	want := config.Pulls{{Stream: "live/a", From: []string{"rtmp://a/b/c"}}, {Stream: "live/b", From: []string{"rtmp://a/b/c"}}}
	if err != nil || !reflect.DeepEqual(got.Pull, want) {
		t.Errorf("got %+v, %v", got.Pull, err)
	}
	for _, arg := range []string{"--pull=live", "--push={stream: live/a, too: []}"} {
		if _, err := parse(t, "", arg); err == nil {
			t.Errorf("%s is taken", arg)
		}
	}
}

func TestTLS(t *testing.T) {
	for _, c := range []struct{ arg, addr string }{{"--demo", ""}, {"--tls", ":8443"}, {"--https-addr=:9443", ":9443"}} {
		got, err := parse(t, "", c.arg)
		if err != nil || got.HTTPSAddr != c.addr || got.TLS != (c.addr != "") {
			t.Errorf("%s: address %q, tls %v, error %v", c.arg, got.HTTPSAddr, got.TLS, err)
		}
	}
}

// badFiles are files that must be refused, and what the message must hold.
var badFiles = []struct{ name, yaml, want string }{
	{"unknown key", "http-addr: :80\nhttp-adr: :81\n", "2 | http-adr"},
	{"unknown key's mark", "http-adr: :81\n", "^"},
	{"repeated key", "demo: true\ndemo: false\n", "demo"},
	{"wrong type", "demo: perhaps\n", "1 | demo"},
	{"scalar for a list", "rtc-ip: {a: b}\n", "1 | rtc-ip"},
	{"not an address", "rtc-ip: [127.0.0.1, nowhere]\n", "nowhere"},
	{"no port", "demo: true\nrtmp-addr: localhost\n", `rtmp-addr: "localhost" has no port, as in :8080 or 127.0.0.1:8080`},
	{"the line of a bad value", "demo: true\nrtmp-addr: localhost\n", "2 | rtmp-addr: localhost"},
	{"bad word", "log-level: loud\n", `log-level: "loud" is not one of debug, info, warn, error`},
	{"rule with an unknown key", "pull: [{stream: live/a, form: [rtmp://a/b/c]}]\n", "form"},
	{"no URL", "pull: [{stream: live/a}]\n", "has not 1 to 16 URLs"},
	{"a file for a URL", "pull: [{stream: live/a, from: ['file:///etc/passwd']}]\n", "is no URL of a server"},
	{"a scheme that is not played", "pull: [{stream: live/a, from: ['ftp://a/b']}]\n", "is not of rtmp, rtmps, http, https, srt"},
	{"a scheme that is not published to", "push: [{stream: live/a, to: ['http://a/b']}]\n", "is not of rtmp, rtmps, srt"},
	{"a host of the viewer's choice", "pull: [{stream: 'live/*', from: ['rtmp://{stream}/a/b']}]\n", "is no URL of a server"},
	{"a key in a message", "pull: [{stream: live/a, from: ['ftp://a/b?auth_key=secret']}]\n", `"ftp://a/b" is not`},
	{"no app", "pull: [{stream: live, from: [rtmp://a/b/c]}]\n", "is not app/stream"},
	{"no name", "push: [{stream: 'live/[a', to: [rtmp://a/b/c]}]\n", "holds what no name has"},
	{"always any", "pull: [{stream: 'live/*', always: true, from: [rtmp://a/b/c]}]\n", "is not one stream"},
	{"no network", "relay-allow: [private]\n", "private"},
	{"not a mapping", "- a\n- b\n", "["},
	{"not YAML", "a: [\n", "["},
	{"tab", "\thttp-addr: :80\n", "["},
}

func TestBadFiles(t *testing.T) {
	for _, c := range badFiles {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, c.yaml)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, yaml := range []string{"\n", "# nothing\n", "---\n", "demo:\n", "{}\n"} {
		got, err := parse(t, yaml)
		if err != nil || !reflect.DeepEqual(got, config.Default()) {
			t.Errorf("%q: %+v, %v", yaml, got, err)
		}
	}
}

func TestNumbersWhereTextIsWanted(t *testing.T) {
	got, err := parse(t, "data-dir: 2026\n")
	if err != nil || got.DataDir != "2026" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBadFlags(t *testing.T) {
	for _, c := range []struct{ arg, want string }{
		{"--http-addr=8080", "has no port"},
		{"--http-addr=:80800", "wants a port from 0 to 65535"},
		{"--http-addr=:http", "wants a port from 0 to 65535"},
		{"--http-addr=", "has no port"},
		{"--http-addr=http://localhost:80", "brackets"},
		{"--http-addr=a b:80", "holds a host that is none"},
		{"--rtc-addr=::1:80", "wants brackets"},
		{"--admin-addr=:8080", `admin-addr: ":8080" is taken by http-addr`},
		{"--srt-addr=1105", `srt-addr: "1105" has no port, as in :8080 or 127.0.0.1:8080`},
		{"--srt-passphrase=short", `srt-passphrase: "..." has not 10 to 79 characters`},
		{"--audit-mib=0", `audit-mib: "0" is not from 1 to 4096`},
		{"--tail-mib=0", `tail-mib: "0" is not from 1 to 4096`},
		{"--tail-age=1s", `tail-age: "1s" is not from 5s to 5m`},
		{"--srt-latency=1m", `srt-latency: "1m0s" is not from 0s to 10s`},
		{"--https-addr=:1935", `https-addr: ":1935" is taken by rtmp-addr`},
		{"--rtc-ip=0.0.0.0", "is not an address that a viewer could send to"},
		{"--rtc-ip=ff02::1", "is not an address that a viewer could send to"},
		{"--data-dir= ", "is not a directory name"},
	} {
		_, err := parse(t, "", c.arg)
		var bad *config.BadValue
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.arg, err, c.want)
		}
	}
	for _, arg := range []string{"--log-level=loud", "--rtc-ip=nowhere", "--log-format=xml", "--rts-mode=fast", "--take-over=never", "--acme"} {
		if _, err := parse(t, "", arg); err == nil {
			t.Errorf("%s is taken", arg)
		}
	}
	if _, err := parse(t, "", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"); err != nil {
		t.Errorf("ports that the system chooses: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, c := range badFiles {
		f.Add(c.yaml)
	}
	f.Add("http-addr: :80\nrtc-ip: [192.0.2.1]\n")
	f.Add("rtc-ip: ! ")
	f.Add("pull: ! ")
	f.Fuzz(func(t *testing.T, yaml string) {
		resolver, err := config.Load(strings.NewReader(yaml))
		if (resolver == nil) == (err == nil) {
			t.Fatalf("resolver %v, error %v", resolver, err)
		}
	})
}
