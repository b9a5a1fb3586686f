package config

import (
	"log/slog"
	"net/netip"
	"time"

	"millrace/internal/catalog"
)

// Config is the boot configuration. The tags name each setting twice, for the
// command line (kong) and for the file (yaml); the names are the same.
type Config struct {
	DataDir string `name:"data-dir" yaml:"data-dir" default:"./data" help:"Where domains, keys and certificates are kept."`

	HTTPAddr  string `name:"http-addr" yaml:"http-addr" default:":8080" help:"Signaling (ARTC, WHIP, WHEP), HTTP-FLV and the pages."`
	HTTPSAddr string `name:"https-addr" yaml:"https-addr" placeholder:"ADDR" help:"The same over TLS, with a self-signed certificate. Off by default."`
	TLS       bool   `name:"tls" yaml:"tls" help:"Short for --https-addr=:8443. Browsers want HTTPS everywhere but on localhost."`
	ACME      bool   `name:"acme" yaml:"acme" help:"Get certificates by ACME for domains that have none of their own, and accept the authority's terms. Ports 80 and 443 must lead to --http-addr and --https-addr. Off by default."`
	ACMECA    string `name:"acme-ca" yaml:"acme-ca" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"The authority's directory."`
	ACMEEmail string `name:"acme-email" yaml:"acme-email" placeholder:"ADDRESS" help:"Where the authority may write to."`
	ACMERoots string `name:"acme-roots" yaml:"acme-roots" placeholder:"FILE" help:"Certificates in PEM that a private authority's server is trusted by."`
	RTMPAddr  string `name:"rtmp-addr" yaml:"rtmp-addr" default:":1935" help:"RTMP, to publish and to play."`
	RTMPSAddr string `name:"rtmps-addr" yaml:"rtmps-addr" placeholder:"ADDR" help:"RTMP over TLS, with the certificate of --https-addr. Off by default."`
	SRTAddr   string `name:"srt-addr" yaml:"srt-addr" default:":1105" placeholder:"ADDR" help:"SRT, over UDP; off: none."`
	RTCAddr   string `name:"rtc-addr" yaml:"rtc-addr" default:":8000" help:"WebRTC media, UDP and TCP."`
	AdminAddr string `name:"admin-addr" yaml:"admin-addr" default:"127.0.0.1:9090" help:"Health and metrics."`

	RTCIPs []netip.Addr `name:"rtc-ip" yaml:"rtc-ip" placeholder:"IP" help:"Address that viewers are told to send media to, repeatable. Those of the interfaces by default."`

	SRTPassphrase string        `name:"srt-passphrase" yaml:"srt-passphrase" placeholder:"TEXT" help:"What SRT connections must be encrypted with, 10 to 79 characters. Not encrypted by default."`
	SRTLatency    time.Duration `name:"srt-latency" yaml:"srt-latency" default:"120ms" help:"How long SRT holds packets back at least, to have lost ones sent again."`

	TailMiB int           `name:"tail-mib" yaml:"tail-mib" default:"64" help:"How much of its newest media a stream keeps at most, in MiB."`
	TailAge time.Duration `name:"tail-age" yaml:"tail-age" default:"20s" help:"The same as a time. Key frames further apart than that cannot be started at."`

	NoAuth bool `name:"no-auth" yaml:"no-auth" help:"URL signing off on the two default domains: for trials and load tests."`
	Demo   bool `name:"demo" yaml:"demo" help:"Publish a test picture, so that there is something to watch."`

	DomainQuota int `name:"domain-quota" yaml:"domain-quota" default:"20" help:"How many domains can be made besides the two default ones."`
	StreamQuota int `name:"stream-quota" yaml:"stream-quota" default:"300" help:"How many streams can be published to one ingest domain at once; 0: any number."`

	AuditMiB int `name:"audit-mib" yaml:"audit-mib" default:"64" help:"How large the log of who changed the catalog may be, in MiB: the oldest goes first. It is kept for 180 days at most."`

	CallbackPrivate bool `name:"callback-private" yaml:"callback-private" help:"Let callbacks go to private and loopback addresses."`

	RTSMode  string `name:"rts-mode" yaml:"rts-mode" placeholder:"MODE" enum:",sub-second,half-second" default:"" help:"Latency of the default domain: sub-second, or half-second (WebRTC in, WebRTC out, nothing converted). As the catalog has it, otherwise."`
	TakeOver string `name:"take-over" yaml:"take-over" default:"when-silent" enum:"when-silent,always" help:"When a new publisher replaces that of the same stream, one of ${enum}."`

	Pull       Pulls          `name:"pull" yaml:"pull" placeholder:"RULE" help:"Fetch streams from other servers, repeatable: {stream: live/*, from: ['rtmp://origin/{app}/{stream}']}."`
	Push       Pushes         `name:"push" yaml:"push" placeholder:"RULE" help:"Publish streams to other servers, repeatable: {stream: live/*, to: ['rtmp://other/{app}/{stream}']}."`
	RelayAllow []netip.Prefix `name:"relay-allow" yaml:"relay-allow" placeholder:"CIDR" help:"Private network that pull and push may reach, repeatable. None by default."`

	LogLevel  string `name:"log-level" yaml:"log-level" default:"info" enum:"debug,info,warn,error" help:"One of ${enum}."`
	LogFormat string `name:"log-format" yaml:"log-format" default:"text" enum:"text,json" help:"One of ${enum}."`
}

// tlsAddr is what --tls stands for.
const tlsAddr = ":8443"

// letsEncrypt is the default of --acme-ca.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// off is an address that is none.
const off = "off"

// Default returns what holds when neither a flag nor a file says anything.
func Default() Config {
	return Config{
		DataDir:  "./data",
		ACMECA:   letsEncrypt,
		HTTPAddr: ":8080", RTMPAddr: ":1935", SRTAddr: ":1105", RTCAddr: ":8000", AdminAddr: "127.0.0.1:9090",
		SRTLatency: 120 * time.Millisecond, DomainQuota: 20, StreamQuota: 300, AuditMiB: 64, TailMiB: 64, TailAge: 20 * time.Second, TakeOver: "when-silent", LogLevel: "info", LogFormat: "text",
	}
}

// Finish returns c with what its settings imply, or a *BadValue.
func (c Config) Finish() (Config, error) {
	if c.TLS && c.HTTPSAddr == "" {
		c.HTTPSAddr = tlsAddr
	}
	c.TLS = c.HTTPSAddr != ""
	if c.SRTAddr == off {
		c.SRTAddr = ""
	}
	return c, c.check()
}

// Mode is RTSMode in the catalog's words, "" where the catalog is to decide.
func (c Config) Mode() catalog.Mode {
	return map[string]catalog.Mode{"sub-second": catalog.SubSecond, "half-second": catalog.HalfSecond}[c.RTSMode]
}

// AlwaysTakeOver says that a publisher is replaced even while it sends.
func (c Config) AlwaysTakeOver() bool { return c.TakeOver == "always" }

// Level is LogLevel as slog knows it.
func (c Config) Level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return l
}
