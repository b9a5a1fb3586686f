package rtp

import "millrace/internal/media"

// Bounds of a redundant block's header (RFC 2198 section 3): 14 bits of
// timestamp offset, 10 of length.
const (
	redOffsetMost = 1<<14 - 1
	redLengthMost = 1<<10 - 1
	redHeaderLen  = 4
	redRate       = 48000 // Hz, of Opus (RFC 7587 section 4.1)
	// redMost is the longest payload: with headers a packet stays below what
	// every network carries.
	redMost = 1100
)

// FitsRED says whether older can stand in front of pk, in a payload that is n
// bytes long without it.
func FitsRED(pk, older *media.Packet, n int) bool {
	off := redOffset(pk, older)
	return older.Codec == media.Opus && off > 0 && off <= redOffsetMost &&
		len(older.Payload) <= redLengthMost && n+redHeaderLen+len(older.Payload) <= redMost
}

func redOffset(pk, older *media.Packet) int64 {
	return pk.Time.Units(redRate) - older.Time.Units(redRate)
}

// AppendRED appends the payload of RFC 2198 that carries pk, which is Opus sent
// as pt, behind older packets of the same stream, oldest first. Each of them
// fits (FitsRED).
func AppendRED(b []byte, pt uint8, pk *media.Packet, older []*media.Packet) []byte {
	for _, o := range older {
		off, n := redOffset(pk, o), len(o.Payload)
		b = append(b, 0x80|pt, byte(off>>6), byte(off<<2)|byte(n>>8), byte(n))
	}
	b = append(b, pt)
	for _, o := range older {
		b = append(b, o.Payload...)
	}
	return append(b, pk.Payload...)
}

// SetREDType makes a payload that AppendRED wrote one of another payload type.
func SetREDType(b []byte, pt uint8) {
	i := 0
	for ; b[i]&0x80 != 0; i += redHeaderLen {
		b[i] = 0x80 | pt
	}
	b[i] = pt
}

// REDBlocks is how many older packets a payload that AppendRED wrote carries.
func REDBlocks(b []byte) (n int) {
	for ; b[n*redHeaderLen]&0x80 != 0; n++ {
	}
	return n
}
