package banner

import (
	"io"
	"strings"
	"time"

	"millrace/internal/links"
)

// Facts are what the banner tells.
type Facts struct {
	Version string
	// Pages are the addresses of the player page, the best first.
	Pages []string
	// Demo says that the demo stream is being published; NoDemo, in a sentence,
	// why it is not although it was asked for.
	Demo   bool
	NoDemo string
	// Publish is the address of the page that publishes, on this machine.
	Publish string
	// PublishTLS is the same for other machines, and WHIPTLS the address that
	// the page asks for there; "" where HTTPS is off.
	PublishTLS, WHIPTLS string
	// Name is "app/stream", the stream that Links are of: one to publish, so
	// not the demo.
	Name  string
	Links links.Set
	// Admin is where health and metrics are, "http://127.0.0.1:9090".
	Admin string
	// DataDir is where the keys are.
	DataDir string
	// AccessKey and AccessSecret are the first key of the API, on the start that
	// made it; "" on others.
	AccessKey, AccessSecret string
}

// Print writes the banner to w, in colour where w is a terminal that wants it.
// What cannot be written is lost.
func Print(w io.Writer, f Facts) {
	p := &page{style: styleOf(w)}
	p.line(p.bold("Millrace " + f.Version + " is running."))
	p.watch(f)
	p.publish(f)
	p.play(f)
	p.api(f)
	p.about(f)
	_, _ = io.WriteString(w, p.String())
}

// page collects the lines.
type page struct {
	strings.Builder
	style
}

func (p *page) line(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
	p.WriteByte('\n')
}

// section begins a part with an empty line and a title.
func (p *page) section(title, remark string) {
	p.line()
	if remark != "" {
		remark = p.faint("  " + remark)
	}
	p.line("  ", p.bold(title), remark)
}

// row is a label and what belongs to it, or nothing where there is nothing.
func (p *page) row(label, value string) {
	if value == "" {
		return
	}
	const width = 12
	p.line("    ", label, strings.Repeat(" ", max(width-len(label), 1)), p.link(value))
}

// long is a label and below it what is too wide to stand beside it.
func (p *page) long(label, value string) {
	if value == "" {
		return
	}
	p.line("    ", label)
	p.line("      ", p.link(value))
}

func (p *page) watch(f Facts) {
	title := "Open in a browser"
	if f.Demo {
		title = "Watch the demo stream"
	}
	p.section(title, "")
	for _, at := range f.Pages {
		remark := ""
		if strings.HasPrefix(at, "https:") {
			remark = p.faint("  self-signed: the browser will ask")
		}
		p.line("    ", p.link(at), remark)
	}
	if f.NoDemo != "" {
		p.line("    ", f.NoDemo)
	}
}

// publish lists the ways in, the quickest to try first.
func (p *page) publish(f Facts) {
	l := f.Links.Publish
	if f.Publish != "" {
		p.section("Publish from a browser", "camera or screen")
		p.line("    ", p.link(f.Publish))
		if f.PublishTLS != "" {
			p.line("    ", p.link(f.PublishTLS), p.faint("  from other machines, where the page asks for:"))
			p.line("    ", p.link(f.WHIPTLS))
		} else {
			p.line("    ", "other machines: browsers open the camera over HTTPS only, so start with --tls")
		}
	}
	const output = "keyframe interval 2 s, tune zerolatency (no B-frames: browsers cannot play them)"
	p.section("Publish from OBS over WebRTC", "Service: WHIP; as server, with no bearer token:")
	p.line("    ", p.link(l.WHIP))
	p.row("Output", output)
	if l.RTMP != "" {
		p.section("Publish from OBS over RTMP", "Settings > Stream > Service: Custom")
		p.row("Server", l.Server)
		p.row("Stream key", l.Key)
		p.row("Output", output)
	}
	if server, id, ok := strings.Cut(l.SRT, "?streamid="); ok {
		p.section("Publish over SRT", "in MPEG-TS; one URL: server?streamid=stream id")
		p.row("Server", server)
		p.row("Stream id", id)
	}
	p.section("Publish from the RTS SDK (ARTC)", "")
	p.line("    ", p.link(l.ARTC))
	if l.RTMP == "" {
		return
	}
	p.section("Publish from ffmpeg", "")
	for _, s := range []string{
		`ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=sample_rate=48000 \`,
		`  -c:v libx264 -preset veryfast -tune zerolatency -profile:v main -pix_fmt yuv420p \`,
		`  -g 60 -b:v 2500k -c:a aac -b:a 128k -f flv \`,
		`  '` + l.RTMP + `'`,
	} {
		p.line("    ", p.link(s))
	}
}

func (p *page) play(f Facts) {
	p.section("Play it", f.Name+", by other players")
	p.long("RTS SDK (ARTC)", f.Links.Play.ARTC)
	p.long("WHEP", f.Links.Play.WHEP)
	p.long("HTTP-FLV", f.Links.Play.FLV)
	p.long("RTMP", f.Links.Play.RTMP)
	p.long("RTMPS", f.Links.Play.RTMPS)
	if server, id, ok := strings.Cut(f.Links.Play.SRT, "?streamid="); ok {
		p.long("SRT: server, and stream id", server)
		p.line("      ", p.link(id))
	}
	p.long("HLS; with format=ll, Low-Latency HLS", f.Links.Play.HLS)
}

// api tells the first access key, this once.
func (p *page) api(f Facts) {
	if f.AccessKey == "" {
		return
	}
	p.section("Manage it by API clients for ApsaraVideo Live", "this key is shown once")
	p.row("Endpoint", f.Admin)
	p.row("AccessKey", f.AccessKey)
	p.row("Secret", f.AccessSecret)
}

func (p *page) about(f Facts) {
	p.section("Keep in mind", "")
	if f.Links.Publish.RTMP == "" {
		p.row("Mode", "half-second: WebRTC in, WebRTC out, nothing converted; the rest is refused")
	}
	if f.Links.Expires != nil {
		p.row("URLs", "work until "+f.Links.Expires.UTC().Format(time.DateTime)+" UTC; more: millrace sign "+f.Name)
	} else {
		p.row("URLs", "need no signature: anybody who reaches this machine may publish")
	}
	p.row("Keys", "millrace catalog export --data-dir "+f.DataDir)
	p.row("Admin", f.Admin+"/healthz; /metrics wants the token in "+f.DataDir+"/admin-token")
	p.row("Stop", "Ctrl-C")
	p.line()
}
