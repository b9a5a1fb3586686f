package flv

import (
	"encoding/binary"
	"fmt"

	"millrace/internal/media"
)

// Tag is one tag in three pieces, for one vectored write. Body is the frame's
// own Data: a Tag is as immutable as its frame, and shared like it.
type Tag struct{ Head, Body, Tail []byte }

// Len is the tag's size on the wire in bytes.
func (t Tag) Len() int { return len(t.Head) + len(t.Body) + len(t.Tail) }

// Append appends the tag's bytes to b.
func (t Tag) Append(b []byte) []byte {
	b = append(b, t.Head...)
	b = append(b, t.Body...)
	return append(b, t.Tail...)
}

// maxCodecHead is the size of the largest codec header before a frame.
const maxCodecHead = 8

// Render makes the tag of f without copying its data. base is the point of f's
// scale that becomes timestamp 0; earlier frames get timestamp 0, too.
func Render(f *media.Frame, base media.Time) (Tag, error) {
	var codec [maxCodecHead]byte
	head, kind, err := codecHead(codec[:0], f, base)
	if err != nil {
		return Tag{}, err
	}
	size := len(head) + len(f.Data)
	if size > MaxBody {
		return Tag{}, fmt.Errorf("render tag of %d bytes: %w", size, ErrUnsupported)
	}
	b := make([]byte, 0, tagHeaderSize+maxCodecHead+trailerSize)
	b = appendTagHeader(b, kind, size, Timestamp(f.DTS, base))
	b = append(b, head...)
	split := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(tagHeaderSize+size))
	return Tag{Head: b[:split:split], Body: f.Data, Tail: b[split:]}, nil
}

// Timestamp converts t to milliseconds since base, modulo 2^32.
func Timestamp(t, base media.Time) uint32 {
	return uint32(max(0, (t - base).Millis()))
}

// codecHead appends what stands between the tag header and f's data.
func codecHead(b []byte, f *media.Frame, base media.Time) ([]byte, byte, error) {
	switch f.Track.Codec {
	case media.H264:
		first := byte(frameInter<<4 | videoAVC)
		if f.Key {
			first = frameKey<<4 | videoAVC
		}
		// The difference of the rounded times, not the rounded difference,
		// so that DTS + CTS is the rounded PTS.
		cts := (f.PTS - base).Millis() - (f.DTS - base).Millis()
		return append(b, first, packetMedia, byte(cts>>16), byte(cts>>8), byte(cts)), tagVideo, nil
	case media.H265, media.AV1, media.VP9:
		return enhancedHead(b, f, (f.PTS-base).Millis()-(f.DTS-base).Millis()), tagVideo, nil
	case media.AAC:
		return append(b, aacHead, packetMedia), tagAudio, nil
	case media.Opus:
		return append(append(b, soundExHeader<<4|exCodedFrames), fourOpus...), tagAudio, nil
	}
	return nil, 0, unsupported(f.Track.Codec)
}

func appendTagHeader(b []byte, kind byte, size int, at uint32) []byte {
	return append(b, kind,
		byte(size>>16), byte(size>>8), byte(size),
		byte(at>>16), byte(at>>8), byte(at), byte(at>>24), // the extended byte comes last
		0, 0, 0)
}

// appendTag appends a whole tag whose body is already known.
func appendTag(b []byte, kind byte, at uint32, body []byte) []byte {
	b = appendTagHeader(b, kind, len(body), at)
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, uint32(tagHeaderSize+len(body)))
}
