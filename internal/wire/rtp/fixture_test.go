package rtp

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/rtp/codecs"

	"millrace/internal/media"
)

// tester is what checks need of a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

var (
	testVideo = &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{
		{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68, 0x05}, {0x68, 0xce, 0x3c, 0x80},
	}}
	// AAC-LC, 44.1 kHz, stereo.
	testAAC  = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
	testOpus = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
)

// unit puts NAL units behind 4-byte lengths.
func unit(nals ...[]byte) []byte {
	var b []byte
	for _, n := range nals {
		b = binary.BigEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

// nal makes a unit of the given first byte and size whose bytes all differ
// from those of its neighbours.
func nal(first byte, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	b[0] = first
	return b
}

// reassemble runs payloads through the reference depacketizer.
func reassemble(t tester, packets []media.Packet) []byte {
	t.Helper()
	d := codecs.H264Packet{IsAVC: true}
	var out []byte
	for i := range packets {
		b, err := d.Unmarshal(packets[i].Payload)
		if err != nil {
			t.Fatalf("packet %d of %d: %v", i, len(packets), err)
		}
		out = append(out, b...)
	}
	return out
}

// checkRun checks what every access unit's packets have in common.
func checkRun(t tester, f *media.Frame, packets []media.Packet, first int64) {
	t.Helper()
	for i := range packets {
		pk := &packets[i]
		if len(pk.Payload) == 0 || len(pk.Payload) > MaxPayload {
			t.Fatalf("packet %d has %d bytes", i, len(pk.Payload))
		}
		if pk.Seq != first+int64(i) {
			t.Fatalf("packet %d has number %d, want %d", i, pk.Seq, first+int64(i))
		}
		if pk.Start != (i == 0) || pk.Marker != (i == len(packets)-1) {
			t.Fatalf("packet %d of %d: start %v, marker %v", i, len(packets), pk.Start, pk.Marker)
		}
		if pk.Time != f.DTS || pk.Composition != int64(f.PTS-f.DTS) || pk.Capture != f.Capture || pk.Arrived != f.Arrived {
			t.Fatalf("packet %d: times %+v", i, pk)
		}
		if pk.Codec != f.Track.Codec || pk.Kind != f.Track.Kind || pk.Key != (f.Key && f.Track.Kind == media.Video) ||
			pk.Discardable != f.Discardable || pk.Discontinuity != f.Discontinuity {
			t.Fatalf("packet %d: %+v", i, pk)
		}
	}
}

// checkFragments checks that each row of FU-As is evenly cut: a segmented send
// takes pieces of one size, of which only the last may be shorter.
func checkFragments(t tester, packets []media.Packet) {
	t.Helper()
	size := 0
	for i := range packets {
		p := packets[i].Payload
		if p[0]&0x1f != nalFUA {
			continue
		}
		if len(p) < 3 {
			t.Fatalf("packet %d is a fragment of nothing", i)
		}
		start, end := p[1]&0x80 != 0, p[1]&0x40 != 0
		switch {
		case start && end:
			t.Fatalf("packet %d both begins and ends a unit", i)
		case start:
			size = len(p)
		case !end && len(p) != size, len(p) > size:
			t.Fatalf("packet %d has %d bytes in a row of %d", i, len(p), size)
		}
	}
}

func params(t *media.Track) []byte { return unit(t.Params...) }

func same(t tester, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("reassembled %d bytes, want %d; first difference at %d", len(got), len(want), difference(got, want))
	}
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
