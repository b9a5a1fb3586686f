package srt

import (
	"net/url"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// maxStreamID is the longest streamid that SRT carries, in bytes.
const maxStreamID = 512

// standard begins a streamid of the form that SRT's access control guidelines
// describe, and pushScheme one that is a URL to publish to.
const (
	standard   = "#!::"
	pushScheme = "push://"
)

// wish is what a caller asks for.
type wish struct {
	host, app, stream string
	// path is what the signature is computed over, as it came.
	path, authKey string
	query         string
	user, session string // for logs
	publish       bool
	opus          bool   // a viewer takes Opus as it is: audio=opus in the resource's query
	track         string // which of several a viewer wants: track=video1 there
}

// parseStreamID reads a streamid:
//
//	#!::h=push.example.com,r=/live/s?auth_key=K,m=publish
//	push://push.example.com/live/s?auth_key=K
//
// The first form may name u (user), s (session) and t (stream) too, and m is
// request where it is missing. The error is a *catalog.Denied.
func parseStreamID(id string) (wish, error) {
	switch {
	case len(id) > maxStreamID:
		return wish{}, refused(reason.BadRequest, "the streamid is too long")
	case strings.HasPrefix(id, standard):
		return parseStandard(id[len(standard):])
	case strings.HasPrefix(id, pushScheme):
		host, resource, _ := strings.Cut(id[len(pushScheme):], "/")
		w := wish{host: host, publish: true}
		return w, w.locate(resource)
	}
	return wish{}, refused(reason.BadRequest, "the streamid must be #!::h=HOST,r=/APP/STREAM?auth_key=KEY,m=publish (or request), or push://HOST/APP/STREAM?auth_key=KEY")
}

func parseStandard(list string) (wish, error) {
	w, resource := wish{}, ""
	for list != "" {
		var key, value string
		key, value, list = cutPair(list)
		switch key {
		case "h":
			w.host = value
		case "r":
			resource = value
		case "u":
			w.user = value
		case "s":
			w.session = value
		case "t":
			if value != "stream" {
				return wish{}, refused(reason.Codec, "only t=stream is served")
			}
		case "m":
			if value != "publish" && value != "request" {
				return wish{}, errMode
			}
			w.publish = value == "publish"
		}
	}
	return w, w.locate(resource)
}

// cutPair takes the first key and value off a list. The query of a resource may
// hold commas: it ends where the next key of one letter begins.
func cutPair(list string) (key, value, rest string) {
	key, value, _ = strings.Cut(list, "=")
	if comma := strings.IndexByte(key, ','); comma >= 0 { // a key without a value
		return key[:comma], "", list[comma+1:]
	}
	end := strings.IndexByte(value, ',')
	if query := strings.IndexByte(value, '?'); key == "r" && end >= 0 && query >= 0 && query < end {
		for end < len(value) && !beginsPair(value[end:]) {
			next := strings.IndexByte(value[end+1:], ',')
			if next < 0 {
				return key, value, ""
			}
			end += 1 + next
		}
	}
	if end < 0 {
		return key, value, ""
	}
	return key, value[:end], value[end+1:]
}

// beginsPair says whether s begins with a comma and a key of the guidelines.
func beginsPair(s string) bool {
	return len(s) > 2 && s[0] == ',' && s[2] == '=' && strings.IndexByte("urhstm", s[1]) >= 0
}

// locate takes a resource, app/stream?auth_key=K, with or without a slash in front.
func (w *wish) locate(resource string) error {
	path, query, _ := strings.Cut(resource, "?")
	path = strings.TrimPrefix(path, "/")
	app, stream, ok := strings.Cut(path, "/")
	if !ok {
		return refused(reason.BadName, "the resource must name an app and a stream, as in r=/live/s")
	}
	var err error
	if w.app, err = url.PathUnescape(app); err == nil {
		w.stream, err = url.PathUnescape(stream)
	}
	if err != nil {
		return refused(reason.BadName, "the resource is not well percent-encoded")
	}
	w.path = "/" + path
	w.query = query
	w.authKey = catalog.Argument(query, "auth_key")
	w.opus = catalog.Argument(query, "audio") == "opus"
	w.track = catalog.Tracks(query)
	return nil
}

func refused(why reason.Reason, detail string) error {
	return &catalog.Denied{Reason: why, Detail: detail}
}
