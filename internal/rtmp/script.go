package rtmp

import (
	"bytes"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// maxScripts and maxScriptBytes bound what waits for the frame that it goes with.
const (
	maxScripts     = 32
	maxScriptBytes = maxAMF
)

// scripts are data messages on their way to players.
type scripts struct {
	waiting [][]byte
	bytes   int
}

// add takes a body over, if there is room.
func (s *scripts) add(body []byte) bool {
	if len(s.waiting) >= maxScripts || s.bytes+len(body) > maxScriptBytes {
		return false
	}
	s.waiting, s.bytes = append(s.waiting, body), s.bytes+len(body)
	return true
}

// take returns what waits.
func (s *scripts) take() [][]byte {
	all := s.waiting
	*s = scripts{}
	return all
}

// data takes a data message. onMetaData tells of the stream; others go on to
// players in their place among the frames.
func (in *ingest) data(m rtmpchunk.Message) {
	values, err := parseAMF(m, rtmpchunk.TypeDataAMF3)
	body := m.Body
	if m.Type == rtmpchunk.TypeDataAMF3 && len(body) > 0 && body[0] == 0 {
		body = body[1:]
	}
	if err == nil && len(values) > 1 && values[0] == "@setDataFrame" {
		values, body = values[1:], bytes.TrimPrefix(body, setDataFrame())
	}
	name := ""
	if err == nil && len(values) > 0 {
		name, _ = values[0].(string)
	}
	about, described := object(values, 1)
	switch {
	case name == "onMetaData" && described:
		in.promised = promisedBy(about)
		in.promises = in.promised != [2]bool{}
		in.publisher.Describe(describe(about))
	case name == "@clearDataFrame":
		in.publisher.Describe(media.Metadata{})
	case name == "" || name == "onMetaData" || len(values) < 2:
		in.drop(reason.UnsupportedMsg)
	case !in.scripts.add(body):
		in.drop(reason.Limit)
	}
}

// describe is what onMetaData says besides what is known of the tracks.
func describe(about amf0.Object) media.Metadata {
	var own amf0.Object
	for _, e := range about {
		if !flv.Describes(e.Key) {
			own = append(own, e)
		}
	}
	b, err := amf0.Data{own}.Marshal()
	if err != nil || len(own) == 0 || len(b) > maxAMF {
		return media.Metadata{}
	}
	const mark, end = 1, 3 // of an object
	return media.Metadata{Count: uint32(len(own)), Members: b[mark : len(b)-end]}
}
