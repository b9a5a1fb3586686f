package rtp

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

// block is a part of a RED payload.
type block struct {
	pt     uint8
	offset int
	data   []byte
}

// readRED reads a payload as RFC 2198 section 3 has it.
func readRED(t interface{ Fatalf(string, ...any) }, b []byte) (out []block) {
	var lengths []int
	for ; b[0]&0x80 != 0; b = b[4:] {
		word := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		out = append(out, block{pt: b[0] & 0x7f, offset: word >> 10})
		lengths = append(lengths, word&0x3ff)
	}
	out = append(out, block{pt: b[0]})
	b = b[1:]
	for i, n := range lengths {
		if n > len(b) {
			t.Fatalf("block %d has %d bytes of %d", i, n, len(b))
		}
		out[i].data, b = b[:n], b[n:]
	}
	out[len(out)-1].data = b
	return out
}

// What is carried can be read again; what does not fit is not carried.
func TestRED(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packet := func(at time.Duration) *media.Packet {
			n := rapid.IntRange(0, 1200).Draw(t, "bytes")
			return &media.Packet{Codec: media.Opus, Time: media.Time(at), Payload: bytes.Repeat([]byte{byte(n)}, n)}
		}
		now := time.Hour
		pk := packet(now)
		var older []*media.Packet
		n := 1 + len(pk.Payload)
		for range rapid.IntRange(0, 3).Draw(t, "older") {
			now -= time.Duration(rapid.Int64Range(-20, 400).Draw(t, "ms")) * time.Millisecond
			if o := packet(now); FitsRED(pk, o, n) {
				older = append([]*media.Packet{o}, older...)
				n += 4 + len(o.Payload)
			}
		}
		if len(older) > 0 && n > redMost {
			t.Fatalf("%d bytes", n)
		}
		b := AppendRED(nil, 111, pk, older)
		SetREDType(b, 96)
		got := readRED(t, b)
		if len(got) != len(older)+1 || REDBlocks(b) != len(older) || len(b) != n {
			t.Fatalf("%d blocks of %d, %d bytes of %d", len(got), len(older)+1, len(b), n)
		}
		for i, want := range append(older, pk) {
			ticks := int((pk.Time - want.Time) * 48 / media.Time(time.Millisecond))
			if got[i].pt != 96 || got[i].offset != ticks || !bytes.Equal(got[i].data, want.Payload) {
				t.Fatalf("block %d: %+v, want %d ticks", i, got[i], ticks)
			}
		}
	})
}
