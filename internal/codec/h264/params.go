package h264

import (
	"bytes"
	"encoding/binary"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// maxParams bounds how many parameter sets a sequence may collect; H.264 has
// 32 SPS and 256 PPS identifiers, of which encoders use one or two.
const maxParams = 64

// MergeParams returns the sets in force after fresh ones arrived in band: a set
// replaces the one of the same type and identifier, others are added; SPS come
// first. changed is false, and the result is held itself, when fresh brings
// nothing new. Sets that can not be read are passed over.
func MergeParams(held, fresh [][]byte) (merged [][]byte, changed bool) {
	for _, f := range fresh {
		id, ok := paramID(f)
		if !ok {
			continue
		}
		i := indexParam(held, Type(f), id)
		if i >= 0 && bytes.Equal(held[i], f) {
			continue
		}
		if i < 0 && len(held) >= maxParams {
			continue
		}
		held, changed = placeParam(held, i, f), true
	}
	return held, changed
}

func placeParam(held [][]byte, i int, p []byte) [][]byte {
	out := make([][]byte, 0, len(held)+1)
	out = append(out, held...)
	if i >= 0 {
		out[i] = p
		return out
	}
	out = append(out, p)
	if Type(p) == TypeSPS {
		at := 0
		for at < len(held) && Type(held[at]) == TypeSPS {
			at++
		}
		copy(out[at+1:], held[at:])
		out[at] = p
	}
	return out
}

func indexParam(sets [][]byte, kind byte, id uint32) int {
	for i, s := range sets {
		if Type(s) != kind {
			continue
		}
		if got, ok := paramID(s); ok && got == id {
			return i
		}
	}
	return -1
}

// paramID reads seq_parameter_set_id or pic_parameter_set_id, the first ue(v)
// behind the header bytes.
func paramID(nal []byte) (id uint32, ok bool) {
	at, limit := 1, uint32(255)
	if Type(nal) == TypeSPS {
		at, limit = 4, 31
	}
	if len(nal) <= at || len(nal) > maxParamSize {
		return 0, false
	}
	head := nal[at:min(len(nal), at+8)]
	if bytes.Contains(head, []byte{0, 0, 3}) {
		head = h264.EmulationPreventionRemove(head)
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(head, &pos)
	return id, err == nil && id <= limit
}

// ParamsSize returns how many bytes the sets take with 4-byte lengths.
func ParamsSize(sets [][]byte) int {
	n := 0
	for _, s := range sets {
		n += 4 + len(s)
	}
	return n
}

// AppendParams appends the sets, each behind a 4-byte length: what goes before
// a key frame for receivers that take parameter sets in band.
func AppendParams(dst []byte, sets [][]byte) []byte {
	for _, s := range sets {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
