package rtmp

import (
	"encoding/binary"
	"net"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// playChunkSize is that of messages to players. It is large, since each chunk is
// one piece more to write.
const playChunkSize = 65536

// Chunk streams to players. They are none that a client's commands, and so
// the answers to them, come on.
const (
	audioChunkStream = 20
	videoChunkStream = 21
	dataChunkStream  = 22
)

// renderer renders media as chunks on messageStream.
type renderer struct {
	enhanced bool // for players that know the enhanced form of video
}

func (r renderer) Carries(t *media.Track) bool {
	return flv.Carries(t) && (r.enhanced || t.Kind == media.Audio || t.Codec == media.H264)
}

func (renderer) Header(_, _ *media.Track) []byte { return nil }

func (renderer) Describe(video, audio *media.Track, more media.Metadata, at uint32) []byte {
	return cutTags(flv.AppendDescription(nil, video, audio, more, at))
}

func (renderer) Script(body []byte, at uint32) []byte {
	return cutTags(flv.AppendScript(nil, body, at))
}

func (renderer) Config(t *media.Track, at uint32) ([]byte, error) {
	tag, err := flv.AppendConfig(nil, t, at)
	return cutTags(tag), err
}

func (renderer) Frame(f *media.Frame, base media.Time) (net.Buffers, error) {
	t, err := flv.Render(f, base)
	if err != nil {
		return nil, err
	}
	m := messageOf(t.Head)
	m.Body = t.Head[tagHead:]
	return rtmpchunk.Cut(m, playChunkSize, t.Body), nil
}

// messageOf is the message that a tag's header describes, without its body.
func messageOf(head []byte) rtmpchunk.Message {
	m := rtmpchunk.Message{
		Stream: messageStream, Type: head[0],
		Timestamp: uint32(head[7])<<24 | binary.BigEndian.Uint32(head[3:])&0xffffff,
	}
	switch m.Type {
	case rtmpchunk.TypeAudio:
		m.ChunkStream = audioChunkStream
	case rtmpchunk.TypeVideo:
		m.ChunkStream = videoChunkStream
	default:
		m.ChunkStream = dataChunkStream
	}
	return m
}

// cutTags returns FLV tags as chunks: the body of one is that of the other.
func cutTags(b []byte) (out []byte) {
	for len(b) >= tagOverhead {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		m := messageOf(b)
		m.Body = b[tagHead : tagHead+size]
		for _, piece := range rtmpchunk.Cut(m, playChunkSize) {
			out = append(out, piece...)
		}
		b = b[tagOverhead+size:]
	}
	return out
}
