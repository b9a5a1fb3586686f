package node

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/console"
	"millrace/internal/links"
)

// publishing is how the page of a request may publish the stream that it names,
// /demo.json?app=live&stream=name, or nil. Keys to publish are for who sits at
// this machine; where none are needed, everybody may have the addresses.
func (n *node) publishing(r *http.Request) *console.Publish {
	in := n.catalog.Snapshot().Find(r.Host, catalog.Ingest)
	if in == nil || in.Auth.Enabled && !atThisMachine(r) {
		return nil
	}
	app, stream := r.FormValue("app"), r.FormValue("stream")
	if app == "" {
		app = demoApp
	}
	if stream == "" {
		stream = mineStream
	}
	if _, _, err := links.ParseStream(app + "/" + stream); err != nil {
		return nil
	}
	// Host and scheme do not matter: pages are given paths.
	set, err := links.Make(n.catalog.Snapshot(), links.Place{Host: "localhost", HTTP: 80},
		links.Order{App: app, Stream: stream, Domain: in.Name, At: time.Now()})
	if err != nil {
		return nil
	}
	path := func(url string) string { return strings.TrimPrefix(url, "http://localhost") }
	artc := func(url string) string { return strings.Replace(url, "localhost", r.Host, 1) }
	return &console.Publish{
		App: app, Stream: stream, WHIP: path(set.Publish.WHIP), ARTC: artc(set.Publish.ARTC),
		Play: console.PublishPlay{ARTC: artc(set.Play.ARTC), WHEP: path(set.Play.WHEP), FLV: path(set.Play.FLV), HLS: path(set.Play.HLS)},
	}
}

// atThisMachine says whether a request comes from a browser on this machine. A
// proxy on it speaks for others: most say so, and those that do not speak an old
// HTTP or close each connection. The Host must be this machine, too: a page from
// elsewhere whose name was pointed here could read the answer.
func atThisMachine(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) || r.Close {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := strings.ToLower(catalog.BareHost(r.Host))
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// outsideHost is how other machines most likely name this one.
func outsideHost(cfg config.Config) string {
	if len(cfg.RTCIPs) > 0 {
		return cfg.RTCIPs[0].String()
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "localhost"
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr().String()
		}
	}
	return "localhost"
}
