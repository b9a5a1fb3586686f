package node

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"millrace/internal/banner"
	"millrace/internal/catalog"
	"millrace/internal/console"
	"millrace/internal/demo"
	"millrace/internal/links"
	"millrace/internal/sign"
)

// The stream that the banner, the demo and the page speak of.
const (
	demoApp    = "live"
	demoStream = "demo"
	mineStream = "mine"
)

// port is the port that a listener got.
func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// place says how clients that name the node by host reach it.
func (n *node) place(host string, tls bool) links.Place {
	p := links.Place{Host: host, HTTP: port(n.open.http), RTMP: port(n.open.rtmp)}
	if n.open.rtmps != nil {
		p.RTMPS = port(n.open.rtmps)
	}
	if n.srt != nil {
		p.SRT = n.srt.Addr().(*net.UDPAddr).Port
	}
	if tls && n.open.https != nil {
		p.HTTP, p.TLS = port(n.open.https), true
	}
	return p
}

// facts is what the banner says. Its URLs are for the user's own stream; the
// demo's are on its page.
func (n *node) facts(version string, now time.Time) (banner.Facts, error) {
	order := links.Order{App: demoApp, Stream: mineStream, At: now}
	set, err := links.Make(n.catalog.Snapshot(), n.place("", false), order)
	if err != nil {
		return banner.Facts{}, err
	}
	home := "http://localhost:" + strconv.Itoa(port(n.open.http)) + "/"
	f := banner.Facts{
		Version: version, Pages: []string{home}, Publish: home + "publish",
		Demo: n.demoRuns(), Name: demoApp + "/" + mineStream, Links: set,
		Admin: "http://" + n.open.admin.Addr().String(), DataDir: n.cfg.DataDir,
		AccessKey: n.firstKey.ID, AccessSecret: n.firstKey.Secret,
	}
	if n.cfg.Demo && !f.Demo {
		f.NoDemo = "No demo picture: it comes over RTMP, which the half-second mode refuses. Publish your own."
	}
	if n.open.https == nil {
		return f, nil
	}
	https := ":" + strconv.Itoa(port(n.open.https)) + "/"
	f.Pages = append(f.Pages, "https://localhost"+https)
	host := outsideHost(n.cfg)
	other, err := links.Make(n.catalog.Snapshot(), n.place(host, true), order)
	if err != nil {
		return banner.Facts{}, err
	}
	f.PublishTLS, f.WHIPTLS = "https://"+inURL(host)+https+"publish", other.Publish.WHIP
	return f, nil
}

// demoRuns says whether the demo is published: it is wanted, and the default
// domain takes RTMP.
func (n *node) demoRuns() bool {
	home := n.catalog.Snapshot().Find("localhost", catalog.Streaming)
	return n.cfg.Demo && (home == nil || home.Mode != catalog.HalfSecond)
}

// demoURL is where the demo publishes: this node, through the front door.
func (n *node) demoURL(now time.Time) (string, error) {
	at := n.open.rtmp.Addr().(*net.TCPAddr)
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	set, err := links.Make(n.catalog.Snapshot(), links.Place{Host: host, HTTP: 80, RTMP: at.Port},
		links.Order{App: demoApp, Stream: demoStream, At: now, Life: 100 * 365 * 24 * time.Hour})
	return set.Publish.RTMP, err
}

// console tells the page what it may play: the demo while there is one. Its
// URLs are paths on the server that the page came from.
func (n *node) console() console.Config {
	return console.Config{Demo: func(r *http.Request) console.Demo {
		on, stream := n.demoRuns() && n.hasDemo(r.Host), demoStream
		if !on {
			stream = mineStream // what the banner speaks of
		}
		path := "/" + demoApp + "/" + stream
		d := console.Demo{On: on, App: demoApp, Stream: stream, LoopMillis: demo.LoopLength.Milliseconds(), Publish: n.publishing(r)}
		token, flvToken, hlsToken := n.playTokens(r.Host, path)
		if d.On {
			d.PlayAuthKey, d.FLVAuthKey = token, flvToken
		} else {
			hlsToken = ""
		}
		d.WHEPURL = withKey("/whep"+path, d.PlayAuthKey)
		d.ARTCURL = withKey("artc://"+r.Host+path, d.PlayAuthKey)
		if !n.halfSecond(r.Host) {
			d.FLVURL = withKey(path+".flv", d.FLVAuthKey)
			d.HLSURL = withKey(path+".m3u8", hlsToken)
			d.PublishURL = "rtmp://" + inURL(r.Host) + ":" + strconv.Itoa(port(n.open.rtmp)) + path
		}
		return d
	}}
}

// halfSecond says whether what is played from host is in that mode.
func (n *node) halfSecond(host string) bool {
	d := n.catalog.Snapshot().Find(host, catalog.Streaming)
	return d != nil && d.Mode == catalog.HalfSecond
}

// hasDemo says whether the demo, which is published to the default domain, is
// what a request to host would play: on other domains a stream of its name is
// somebody's own, and no key to it is given away. A host that is no domain has
// it, so that the page tries and shows why it is refused.
func (n *node) hasDemo(host string) bool {
	d, home := n.catalog.Snapshot().Find(host, catalog.Streaming), n.catalog.Snapshot().Find("localhost", catalog.Streaming)
	return d == nil || home != nil && d.Main == home.Main
}

// playTokens signs the demo's paths with the key of the domain that a request
// to host belongs to; all are empty where nothing needs to be signed.
func (n *node) playTokens(host, path string) (token, flvToken, hlsToken string) {
	d := n.catalog.Snapshot().Find(host, catalog.Streaming)
	if d == nil || !d.Auth.Enabled {
		return "", "", ""
	}
	now := time.Now()
	key := func(path string) string { return sign.Sign(path, d.Auth.PrimaryKey, now, "0", "0") }
	return key(path), key(path + ".flv"), key(path + ".m3u8")
}

// inURL is a host without its port, as it stands in an URL.
func inURL(host string) string {
	name := catalog.BareHost(host)
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

func withKey(url, key string) string {
	if key == "" {
		return url
	}
	return url + "?auth_key=" + key
}
