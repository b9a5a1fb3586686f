package rtmp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/wire/rtmpchunk"
)

// maxAMF bounds messages that are decoded as AMF0, in bytes. Real ones have
// less than 4 KiB.
const maxAMF = 64 << 10

var errAMF = errors.New("bad AMF0 message")

// command is a decoded command message (RTMP 1.0 section 7.2).
type command struct {
	name        string
	transaction float64
	args        []any // args[0] is the command object
	stream      uint32
	chunkStream uint32
}

// parseCommand decodes a command of either form; the AMF3 one is AMF0 behind a
// zero byte in every client seen.
func parseCommand(m rtmpchunk.Message) (command, error) {
	values, err := parseAMF(m, rtmpchunk.TypeCommandAMF3)
	if err != nil {
		return command{}, err
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

// parseAMF decodes a message's values; messages of type amf3 begin by a zero.
func parseAMF(m rtmpchunk.Message, amf3 byte) (amf0.Data, error) {
	body := m.Body
	if m.Type == amf3 && len(body) > 0 && body[0] == 0 {
		body = body[1:]
	}
	if len(body) > maxAMF {
		return nil, fmt.Errorf("%w: %d bytes", errAMF, len(body))
	}
	values, err := amf0.Unmarshal(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAMF, err)
	}
	return values, nil
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
