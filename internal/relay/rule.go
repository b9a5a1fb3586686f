package relay

import (
	"net/url"
	"path"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/live"
)

// Pull says where streams come from.
type Pull struct {
	// Domain is the streaming domain, and Stream a pattern of "app/stream" as
	// path.Match has it.
	Domain, Stream string
	// From are the sources' URLs, the preferred one first. {app} and {stream}
	// stand for the stream's names.
	From []string
	// Always keeps the one stream that the rule is for, whether it is read or not.
	Always bool
}

// Push says where streams go to, as Pull does.
type Push struct {
	Domain, Stream string
	To             []string
	// Opus leaves sound as it is. Otherwise targets get AAC.
	Opus bool
}

// covers says whether a rule is for n.
func covers(domain, pattern string, n live.Name) bool {
	if n.Variant != "" || n.Track != "" || n.Domain != domain {
		return false
	}
	ok, err := path.Match(pattern, n.App+"/"+n.Stream)
	return ok && err == nil
}

// only returns the one stream that a rule without wildcards is for.
func only(domain, pattern string) live.Name {
	app, stream, _ := strings.Cut(pattern, "/")
	return live.Name{Domain: domain, App: app, Stream: stream}
}

// fill puts n's names into a URL. Names hold nothing that means something in one.
func fill(raw string, n live.Name) string {
	return strings.NewReplacer("{app}", n.App, "{stream}", n.Stream).Replace(raw)
}

// place is what of a URL may be logged: not its path, nor its signature.
func place(raw string) (scheme, host string) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", ""
	}
	return u.Scheme, u.Host
}

// protocol is how a source is played.
func protocol(raw string) catalog.Protocol {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return ""
	case u.Scheme == "http" || u.Scheme == "https":
		if isHLS(u) {
			return catalog.HLS
		}
		return catalog.FLV
	}
	return catalog.Protocol(u.Scheme) // rtmp, rtmps, srt
}
