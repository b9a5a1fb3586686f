package signal

import (
	"errors"
	"net/url"
	"strings"

	"millrace/internal/catalog"
)

// Sizes of what a request may name. Admission checks the parts more closely.
const (
	maxURL  = 8192
	maxPath = 2048
)

// parseURL reads artc://HOST[:PORT]/APP/STREAM[?QUERY] into a request. Names
// come out decoded, Path as written. The official players cut off "@" options
// before they send the URL.
func parseURL(raw string) (catalog.Request, error) {
	q := catalog.Request{Protocol: catalog.ARTC}
	rest, ok := strings.CutPrefix(raw, "artc://")
	if !ok {
		return q, errors.New("the URL does not begin with artc://")
	}
	if len(raw) > maxURL {
		return q, errors.New("the URL is too long")
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	slash := strings.IndexByte(rest, '/')
	if slash < 1 || !isAuthority(rest[:slash]) {
		return q, errors.New("the URL names no host")
	}
	q.Host = rest[:slash]
	q.AuthKey, q.Query, q.Track = catalog.Argument(query, "auth_key"), query, catalog.Tracks(query)
	return q, setPath(&q, rest[slash:])
}

// setPath takes "/app/stream", as written in a URL.
func setPath(q *catalog.Request, path string) error {
	if len(path) > maxPath {
		return errors.New("the path is too long")
	}
	app, stream, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || app == "" || stream == "" || strings.Contains(stream, "/") {
		return errors.New("the path is not /app/stream")
	}
	var err error
	if q.App, err = url.PathUnescape(app); err != nil {
		return errors.New("the app name is not properly escaped")
	}
	if q.Stream, err = url.PathUnescape(stream); err != nil {
		return errors.New("the stream name is not properly escaped")
	}
	q.Path = path
	return nil
}

// isAuthority wants host[:port] in visible ASCII and nothing else.
func isAuthority(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`@%\"<>^{|}`+"`", c) >= 0 {
			return false
		}
	}
	return true
}
