package httplive

import (
	"net/http"
	"net/url"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/reason"
)

const (
	extension = ".flv"
	maxName   = 255
	// audioArgument says in which codec a viewer wants sound that comes as
	// Opus: as it is, if the value is audioOpus, else as AAC.
	audioArgument = "audio"
	audioOpus     = "opus"
)

// wish is what a viewer asks for.
type wish struct {
	feed.Wish
}

// parseWish reads the request line and headers. Names are split and bounded
// here; which characters they may have is for admission to say.
func parseWish(r *http.Request) (wish, error) {
	w := wish{Wish: feed.Wish{Request: catalog.Request{
		Protocol: catalog.FLV, Host: r.Host, Path: rawPath(r), RemoteAddr: r.RemoteAddr, Referer: r.Referer(),
		AuthKey: catalog.Argument(r.URL.RawQuery, "auth_key"), Track: catalog.Tracks(r.URL.RawQuery),
	}}}
	if wantsWebSocket(r) {
		w.Protocol = catalog.WSFLV
		if w.Referer == "" {
			w.Referer = r.Header.Get("Origin") // browsers send no other here
		}
	}
	w.SetArguments(r.URL.RawQuery)
	w.Opus = catalog.Argument(r.URL.RawQuery, audioArgument) == audioOpus
	w.OnlyArguments(catalog.Argument(r.URL.RawQuery, "onlyaudio"), catalog.Argument(r.URL.RawQuery, "onlyvideo"))
	path, found := strings.CutSuffix(w.Path, extension)
	app, stream, split := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !found || !split || strings.Contains(stream, "/") {
		return w, &catalog.Denied{Reason: reason.BadRequest, Detail: "the path must be /{app}/{stream}" + extension}
	}
	var errApp, errStream error
	w.App, errApp = url.PathUnescape(app)
	w.Stream, errStream = url.PathUnescape(stream)
	if errApp != nil || errStream != nil || !bounded(w.App) || !bounded(w.Stream) {
		w.App, w.Stream = "", "" // not even for a log
		return w, &catalog.Denied{Reason: reason.BadName, Detail: "the names of app and stream must have 1 to 255 characters"}
	}
	return w, nil
}

func bounded(name string) bool { return name != "" && len(name) <= maxName }

// rawPath is the path as the client wrote it: what it signed.
func rawPath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

// wantsWebSocket says whether r asks for an upgrade (RFC 6455 section 4.2.1).
func wantsWebSocket(r *http.Request) bool {
	return hasToken(r.Header.Values("Connection"), "upgrade") && hasToken(r.Header.Values("Upgrade"), "websocket")
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
