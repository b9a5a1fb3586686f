package rtmp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// maxAMF bounds messages that are decoded as AMF0, in bytes.
const maxAMF = flv.MaxScript

var errAMF = errors.New("bad AMF0 message")

// command is a decoded command message (RTMP 1.0 section 7.2).
type command struct {
	name        string
	transaction float64
	args        []any // args[0] is the command object
	stream      uint32
	chunkStream uint32
}

// scriptOf is a data message's values in AMF0, as the body of an FLV script tag.
func scriptOf(m rtmpchunk.Message) []byte { return plain(m, rtmpchunk.TypeDataAMF3) }

// plain is the body of a message without the zero that those of type amf3 begin by.
func plain(m rtmpchunk.Message, amf3 byte) []byte {
	if m.Type == amf3 && len(m.Body) > 0 && m.Body[0] == 0 {
		return m.Body[1:]
	}
	return m.Body
}

// parseCommand decodes a command of either form; the AMF3 one is AMF0 behind a
// zero byte in every client seen.
func parseCommand(m rtmpchunk.Message) (command, error) {
	body := plain(m, rtmpchunk.TypeCommandAMF3)
	if len(body) > maxAMF {
		return command{}, fmt.Errorf("%w: %d bytes", errAMF, len(body))
	}
	values, err := amf0.Unmarshal(body)
	if err != nil {
		return command{}, fmt.Errorf("%w: %w", errAMF, err)
	}
	if len(values) < 2 {
		return command{}, fmt.Errorf("%w: command of %d values", errAMF, len(values))
	}
	c := command{args: values[2:], stream: m.Stream, chunkStream: m.ChunkStream}
	var ok bool
	if c.name, ok = values[0].(string); !ok {
		return command{}, fmt.Errorf("%w: command without name", errAMF)
	}
	if c.transaction, ok = values[1].(float64); !ok {
		return command{}, fmt.Errorf("%w: command without transaction id", errAMF)
	}
	return c, nil
}

// text returns the i-th argument, if it is a string.
func (c command) text(i int) (string, bool) {
	if i >= len(c.args) {
		return "", false
	}
	s, ok := c.args[i].(string)
	return s, ok
}

// object returns the i-th argument, if it is an object or an ECMA array.
func object(values []any, i int) (amf0.Object, bool) {
	if i >= len(values) {
		return nil, false
	}
	switch o := values[i].(type) {
	case amf0.Object:
		return o, true
	case amf0.ECMAArray:
		return amf0.Object(o), true
	}
	return nil, false
}

// commandMessage encodes a command.
func commandMessage(chunkStream, stream uint32, name string, transaction float64, args ...any) (rtmpchunk.Message, error) {
	body, err := append(amf0.Data{name, transaction}, args...).Marshal()
	if err != nil {
		return rtmpchunk.Message{}, fmt.Errorf("encode command %s: %w", name, err)
	}
	return rtmpchunk.Message{ChunkStream: chunkStream, Stream: stream, Type: rtmpchunk.TypeCommandAMF0, Body: body}, nil
}

// status is the object of onStatus and of results.
func status(level, code, description string) amf0.Object {
	return amf0.Object{
		{Key: "level", Value: level},
		{Key: "code", Value: code},
		{Key: "description", Value: description},
	}
}
