package admit

import (
	"strconv"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/media"
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
	case !isTracks(q.Track):
		return denied(reason.BadRequest, "track %s: want video or audio with a number up to 99, or one of each, as in video1 or video1,audio1", quote(q.Track))
	case len(q.Path) > maxPath:
		return denied(reason.BadRequest, "path is longer than %d bytes", maxPath)
	case len(q.AuthKey) > maxAuthKey:
		return denied(reason.BadRequest, "auth_key is longer than %d bytes", maxAuthKey)
	}
	return nil
}

func isTracks(list string) bool {
	_, ok := tracksOf(list)
	return ok
}

// tracksOf returns what names the tracks of a list that are no first ones: at most
// one of each kind, that of pictures first, as in "video1,audio1". ok is false for
// what is no such list.
func tracksOf(list string) (canonical string, ok bool) {
	var of [2]string
	for name := range strings.SplitSeq(list, ",") {
		kind, isTrack := kindOf(name)
		if name == "" && list == "" {
			break
		}
		if !isTrack || of[kind] != "" && of[kind] != name {
			return "", false
		}
		of[kind] = name
	}
	var further []string
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		if name := of[kind]; name != "" && name != kind.String()+"0" {
			further = append(further, name)
		}
	}
	return strings.Join(further, ","), true
}

// kindOf says of which kind a track is. ok is false for what is no track's name: that
// of the first one of each kind ends in 0.
func kindOf(name string) (kind media.Kind, ok bool) {
	kind = media.Video
	number, ok := strings.CutPrefix(name, kind.String())
	if !ok {
		kind = media.Audio
		number, ok = strings.CutPrefix(name, kind.String())
	}
	at, err := strconv.ParseUint(number, 10, 8)
	return kind, ok && err == nil && at < 100 && strconv.FormatUint(at, 10) == number
}

// quote shows a client's text back to it in printable ASCII and not at length.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
