package rtp

import (
	"encoding/binary"
	"math/bits"

	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// formatVP9 is that of RFC 9628.
type formatVP9 struct{}

// maxLayers is how many frames a superframe has room for.
const maxLayers = 8

// A picture has one frame for each spatial layer.
func (formatVP9) join(l *lane, first, end int64) (accessUnit, bool) {
	out := make([]byte, 0, sizeOf(l, first, end))
	var starts []int
	open := false
	for seq := first; seq < end; seq++ {
		p := l.at(seq).Payload
		if len(p) == 0 {
			continue // as padding is
		}
		d, ok := describeVP9(p)
		if !ok || d.begins == open {
			return accessUnit{}, false
		}
		if d.begins {
			starts = append(starts, len(out))
		}
		out, open = append(out, d.body...), !d.ends
	}
	if open || len(starts) > maxLayers {
		return accessUnit{}, false
	}
	if len(starts) == 0 {
		return accessUnit{empty: true}, true
	}
	h, ok := vp9.ParseHeader(out)
	if !ok {
		return accessUnit{}, false
	}
	if len(starts) > 1 {
		out = appendSuperframeIndex(out, starts)
	}
	return accessUnit{data: out, config: vp9.RecordOf(out), key: h.Key, width: h.Width, height: h.Height}, true
}

// appendSuperframeIndex makes frames that begin at starts one (VP9 bitstream
// specification, annex B).
func appendSuperframeIndex(b []byte, starts []int) []byte {
	end, largest := len(b), 0
	sizes := make([]int, len(starts))
	for i, at := range starts {
		next := end
		if i+1 < len(starts) {
			next = starts[i+1]
		}
		sizes[i] = next - at
		largest = max(largest, sizes[i])
	}
	width := (bits.Len(uint(largest)) + 7) / 8
	mark := byte(0xc0 | (width-1)<<3 | len(starts) - 1)
	b = append(b, mark)
	for _, n := range sizes {
		b = append(b, binary.LittleEndian.AppendUint32(nil, uint32(n))[:width]...)
	}
	return append(b, mark)
}

func (formatVP9) opens(p []byte) bool {
	d, ok := describeVP9(p)
	return ok && d.begins && d.spatial == 0
}

func (f formatVP9) mayOpen(p []byte) bool { return f.opens(p) }

func (formatVP9) shows(p []byte) bool {
	_, ok := Inspect(media.VP9, p)
	return ok
}
