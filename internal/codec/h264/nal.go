package h264

import (
	"encoding/binary"
	"iter"
)

// NAL unit types that this package treats in their own way (H.264 table 7-1).
const (
	TypeSlice        = 1
	TypePartitionA   = 2
	TypeIDR          = 5
	TypeSEI          = 6
	TypeSPS          = 7
	TypePPS          = 8
	TypeDelimiter    = 9
	TypeFiller       = 12
	TypeSPSExtension = 13
)

// Type returns the nal_unit_type of a NAL unit; 0 for an empty one.
func Type(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// NALs walks the NAL units of an access unit in which each one stands behind a
// 4-byte length. It stops at the first length that does not fit. The slices
// alias data.
func NALs(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) >= 4 {
			n := int64(binary.BigEndian.Uint32(data))
			if n > int64(len(data)-4) {
				return
			}
			if n > 0 && !yield(data[4:4+n:4+n]) {
				return
			}
			data = data[4+n:]
		}
	}
}

// AppendNAL appends nal behind its 4-byte length.
func AppendNAL(dst, nal []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
	return append(dst, nal...)
}
