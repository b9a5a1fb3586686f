package hls

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

const (
	extension = ".m3u8"
	maxName   = 255
	// formatArgument chooses the container.
	formatArgument = "format"
	// audioArgument says in which codec a viewer wants sound that comes as
	// Opus: as it is, if the value is audioOpus, else as AAC.
	audioArgument = "audio"
	audioOpus     = "opus"
	// tracksArgument asks for pictures and sound in playlists of their own, if
	// the value is tracksApart and the container fragmented MP4.
	tracksArgument = "tracks"
	tracksApart    = "apart"
	// sessionArgument carries a session's id.
	sessionArgument = "session"
)

// container is what segments are.
type container string

const (
	mpegTS container = "ts"
	fmp4   container = "fmp4"
)

// wish is what a viewer asks for.
type wish struct {
	catalog.Request
	// container is "" where the viewer leaves it to the stream's codec.
	container container
	// opus says that the viewer takes Opus.
	opus bool
	// apart says that it wants pictures and sound in playlists of their own.
	apart bool
}

// parseWish reads a request for a Multivariant Playlist. Names are split and
// bounded here; which characters they may have is for admission to say.
func parseWish(r *http.Request) (wish, error) {
	query := r.URL.RawQuery
	w := wish{Request: catalog.Request{
		Protocol: catalog.HLS, Host: r.Host, Path: rawPath(r), RemoteAddr: r.RemoteAddr, Referer: r.Referer(),
		AuthKey: catalog.Argument(query, "auth_key"), Track: catalog.Tracks(query),
	}}
	w.SetArguments(query)
	w.opus = catalog.Argument(query, audioArgument) == audioOpus
	w.apart = catalog.Argument(query, tracksArgument) == tracksApart
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
	switch f := catalog.Argument(query, formatArgument); f {
	case "":
	case "ts", "fmp4":
		w.container = container(f)
	case "ll":
		w.container, w.Protocol = fmp4, catalog.LLHLS
	default:
		return w, &catalog.Denied{Reason: reason.BadRequest, Detail: formatArgument + " must be ts, fmp4 or ll"}
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

// directives are the delivery directives of a request for a media playlist
// (8216bis section 6.2.5).
type directives struct {
	// after is what the playlist must hold; msn -1: nothing in particular.
	after place
	skip  bool
}

// nothing is what a request without directives asks for.
var nothing = directives{after: place{-1, -1}}

// maxNumber keeps numbers of foreign hand where adding to them is safe.
const maxNumber = 1 << 40

func parseDirectives(query string) (directives, error) {
	d := nothing
	msn, part := catalog.Argument(query, "_HLS_msn"), catalog.Argument(query, "_HLS_part")
	if msn != "" {
		n, err := strconv.ParseUint(msn, 10, 64)
		if err != nil || n > maxNumber {
			return d, &catalog.Denied{Reason: reason.BadRequest, Detail: "_HLS_msn must be a media sequence number"}
		}
		d.after.msn = int64(n)
	}
	if part != "" {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || msn == "" {
			return d, &catalog.Denied{Reason: reason.BadRequest, Detail: "_HLS_part must be a number that comes with _HLS_msn"}
		}
		d.after.part = int(n)
	}
	switch catalog.Argument(query, "_HLS_skip") {
	case "":
	case "YES", "v2":
		d.skip = true
	default:
		return d, &catalog.Denied{Reason: reason.BadRequest, Detail: "_HLS_skip must be YES or v2"}
	}
	return d, nil
}

// file is what a request for a segment, a part or an initialization section names.
type file struct {
	letter  string
	init    bool
	place   // part -1: the whole segment
	section int
}

// parseFile reads v12.m4s, v12.3.m4s, v0.mp4 and the like.
func parseFile(name string) (f file, ok bool) {
	if len(name) < 2 || len(name) > 40 {
		return f, false
	}
	f.letter, name = name[:1], name[1:]
	fields := strings.Split(name, ".")
	first, err := strconv.ParseUint(fields[0], 10, 40)
	if err != nil {
		return f, false
	}
	f.place = place{int64(first), -1}
	switch last := fields[len(fields)-1]; {
	case len(fields) == 2 && last == "mp4":
		f.init, f.section = true, int(first)
	case len(fields) == 2 && (last == "m4s" || last == "ts"):
	case len(fields) == 3 && last == "m4s":
		n, err := strconv.ParseUint(fields[1], 10, 31)
		if err != nil {
			return f, false
		}
		f.part = int(n)
	default:
		return f, false
	}
	return f, true
}
