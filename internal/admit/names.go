package admit

import (
	"strconv"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// Sizes of what a client may ask for. A path of two names of the longest kind,
// every byte percent-encoded, fits.
const (
	maxPath    = 2048
	maxAuthKey = 512
	maxHost    = 255 + len(":65535") // RFC 1035 section 2.3.4
)

// checkNames refuses what could not be the name of anything. Names reach logs,
// metrics and file systems: what passes here is safe in all of them.
func checkNames(q catalog.Request) error {
	switch {
	case !catalog.IsName(q.App, false):
		return denied(reason.BadName, "app name %s: want 1 to 255 letters, digits, - or _", quote(q.App))
	case !catalog.IsName(q.Stream, true):
		return denied(reason.BadName, "stream name %s: want 1 to 255 letters, digits, -, _ or, not first, a dot", quote(q.Stream))
	case len(q.Host) > maxHost:
		return denied(reason.BadRequest, "host name is longer than %d bytes", maxHost)
	case !isTrack(q.Track):
		return denied(reason.BadRequest, "track %s: want video or audio with a number up to 99, as in video1", quote(q.Track))
	case len(q.Path) > maxPath:
		return denied(reason.BadRequest, "path is longer than %d bytes", maxPath)
	case len(q.AuthKey) > maxAuthKey:
		return denied(reason.BadRequest, "auth_key is longer than %d bytes", maxAuthKey)
	}
	return nil
}

// isTrack says whether s names a track, or none: the first one of each kind is 0.
func isTrack(s string) bool {
	if s == "" {
		return true
	}
	n, ok := strings.CutPrefix(s, "video")
	if !ok {
		n, ok = strings.CutPrefix(s, "audio")
	}
	at, err := strconv.ParseUint(n, 10, 8)
	return ok && err == nil && at < 100 && strconv.FormatUint(at, 10) == n
}

// further is a track's name, "" for a first one.
func further(track string) string {
	if track == "video0" || track == "audio0" {
		return ""
	}
	return track
}

// quote shows a client's text back to it in printable ASCII and not at length.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
