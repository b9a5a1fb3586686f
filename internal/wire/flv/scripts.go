package flv

import (
	"bytes"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// MaxScript bounds what is decoded as AMF0, in bytes: the library's decoder
// recurses once per nesting level. Real ones have less than 4 KiB.
const MaxScript = 64 << 10

// maxScripts and maxWaiting bound what waits for the frame that it goes with.
const (
	maxScripts = 32
	maxWaiting = MaxScript
)

// setDataFrame stands before what a server is to keep.
var setDataFrame = amfText([]byte{amfString}, "@setDataFrame")

// Scripts takes in what a publisher says besides its media: the bodies of script
// tags, which RTMP data messages have as well. The zero value is ready. One
// goroutine uses it.
type Scripts struct {
	waiting [][]byte
	bytes   int
	begun   bool // there was a frame

	last     []byte // that described the stream
	about    media.Metadata
	fresh    bool // about has changed since it was asked for
	promised [2]bool
}

// Take takes a body over. It returns why that is passed over, "" where it is not.
func (s *Scripts) Take(body []byte) reason.Reason {
	if len(body) > MaxScript {
		return reason.Limit
	}
	values, err := amf0.Unmarshal(body)
	if err != nil {
		return reason.UnsupportedMsg
	}
	if len(values) > 1 && values[0] == "@setDataFrame" {
		values, body = values[1:], bytes.TrimPrefix(body, setDataFrame)
	}
	name := ""
	if len(values) > 0 {
		name, _ = values[0].(string)
	}
	switch name {
	case "onMetaData":
		if len(values) < 2 {
			return reason.UnsupportedMsg
		}
		return s.describe(values[1], body)
	case "@clearDataFrame":
		s.about, s.fresh, s.last = media.Metadata{}, true, nil
		return ""
	}
	if name == "" || len(values) < 2 {
		return reason.UnsupportedMsg
	}
	return s.add(body)
}

// describe takes onMetaData. What comes among the frames goes on with them, too,
// if it says something new.
func (s *Scripts) describe(value any, body []byte) reason.Reason {
	var members amf0.Object
	switch v := value.(type) {
	case amf0.Object:
		members = v
	case amf0.ECMAArray:
		members = amf0.Object(v)
	default:
		return reason.UnsupportedMsg
	}
	if bytes.Equal(s.last, body) {
		return ""
	}
	_, video := members.Get("videocodecid")
	_, audio := members.Get("audiocodecid")
	s.promised = [2]bool{media.Video: video, media.Audio: audio}
	s.about, s.fresh, s.last = own(members), true, body
	if !s.begun {
		return ""
	}
	return s.add(body)
}

// own is what onMetaData says besides what is known of the tracks.
func own(members amf0.Object) media.Metadata {
	var rest amf0.Object
	for _, m := range members {
		if !describes(m.Key) && !numbersTracks(m.Key) {
			rest = append(rest, m)
		}
	}
	b, err := amf0.Data{rest}.Marshal()
	if err != nil || len(rest) == 0 || len(b) > MaxScript {
		return media.Metadata{}
	}
	const mark, end = 1, 3 // of an object
	return media.Metadata{Count: uint32(len(rest)), Members: b[mark : len(b)-end]}
}

// numbersTracks says whether a member is about the tracks by their numbers (Enhanced
// RTMP v2, "enhancing onMetaData"): players get one of each kind.
func numbersTracks(name string) bool {
	return name == "videoTrackIdInfoMap" || name == "audioTrackIdInfoMap"
}

// add makes a body wait for the frame that it goes with, if there is room.
func (s *Scripts) add(body []byte) reason.Reason {
	if len(s.waiting) >= maxScripts || s.bytes+len(body) > maxWaiting {
		return reason.Limit
	}
	s.waiting, s.bytes = append(s.waiting, body), s.bytes+len(body)
	return ""
}

// Next returns what goes with the next frame.
func (s *Scripts) Next() [][]byte {
	all := s.waiting
	s.waiting, s.bytes, s.begun = nil, 0, true
	return all
}

// Description is what was said of the stream besides its tracks; changed says
// whether it is new since the last call.
func (s *Scripts) Description() (about media.Metadata, changed bool) {
	changed, s.fresh = s.fresh, false
	return s.about, changed
}

// Promised says which kinds of tracks onMetaData has named; known is false where
// it has named none.
func (s *Scripts) Promised() (video, audio, known bool) {
	return s.promised[media.Video], s.promised[media.Audio], s.promised != [2]bool{}
}
