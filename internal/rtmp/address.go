package rtmp

import (
	"cmp"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// maxAddress bounds app, tcUrl and stream name together.
const maxAddress = 4096

const maxName = 255

// address is what a publisher or a player asks for.
type address struct {
	host, app, stream string
	authKey           string
	query             string    // what a publisher has given, wherever its client puts it
	queries           [3]string // of name, app and tcUrl
}

// path is what the URL signature is computed over.
func (a address) path() string { return "/" + a.app + "/" + a.stream }

// parseAddress puts together what clients split in their own ways: app and tcUrl
// come with connect, name with publish or play.
//
//	ffmpeg, OBS with a key   app "live"            name "s?auth_key=K"
//	OBS without a key        app "live/s?auth_key=K"    name ""
//	query on the app         app "live?auth_key=K"      name "s"
//	key that is only a query app "live/s"               name "?auth_key=K"
//
// An argument of the name goes before one of the app, and that before one of
// tcUrl, unless it is empty. "vhost" names the domain where the client could only dial a common
// address. The error is a *catalog.Denied.
func parseAddress(app, tcURL, name string) (address, error) {
	if len(app)+len(tcURL)+len(name) > maxAddress {
		return address{}, refused(reason.BadRequest, "the URL is too long")
	}
	appPath, appQuery := cutQuery(app)
	namePath, nameQuery := cutQuery(name)
	host, tcQuery := cutTarget(tcURL)
	if namePath == "" && !strings.Contains(strings.Trim(appPath, "/"), "/") {
		// The stream stands behind the app's query: "live?auth_key=K/s".
		if at := strings.LastIndexByte(appQuery, '/'); at >= 0 {
			appQuery, namePath = appQuery[:at], appQuery[at+1:]
		}
	}
	var a address
	path := strings.Trim(appPath, "/") + "/" + strings.Trim(namePath, "/")
	a.app, a.stream, _ = strings.Cut(strings.Trim(path, "/"), "/")
	if !validName(a.app, false) {
		return address{}, refused(reason.BadName, "the app name must be 1 to 255 of A-Z a-z 0-9 _ -")
	}
	if !validName(a.stream, true) {
		return address{}, refused(reason.BadName, "the stream name must be 1 to 255 of A-Z a-z 0-9 _ - . and not begin with a dot, as in rtmp://host/app/stream")
	}
	a.query, a.queries = cmp.Or(nameQuery, appQuery), [3]string{nameQuery, appQuery, tcQuery}
	a.authKey = a.argument("auth_key")
	a.host = cmp.Or(a.argument("vhost"), host)
	return a, nil
}

// argument returns an argument of the first query that has one which is not empty.
func (a address) argument(name string) string {
	for _, q := range a.queries {
		if value := catalog.Argument(q, name); value != "" {
			return value
		}
	}
	return ""
}

// tracks returns the arguments track of all queries as if they were one.
func (a address) tracks() string { return catalog.Tracks(strings.Join(a.queries[:], "&")) }

func cutQuery(s string) (path, query string) {
	path, query, _ = strings.Cut(s, "?")
	return path, query
}

// cutTarget takes host and query out of a tcUrl. It is not url.Parse, since
// what real clients put behind the host need not be a URL.
func cutTarget(s string) (host, query string) {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, query = cutQuery(s)
	host, _, _ = strings.Cut(s, "/")
	return host[strings.LastIndexByte(host, '@')+1:], query
}

// validName says whether s may reach a log, a path or a metric.
func validName(s string, dots bool) bool {
	if s == "" || len(s) > maxName || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '_' && c != '-' && (c != '.' || !dots) {
			return false
		}
	}
	return true
}

func refused(why reason.Reason, detail string) error {
	return &catalog.Denied{Reason: why, Detail: detail}
}
