package rtp

import (
	"testing"

	"millrace/internal/media"
)

// The ingest rooms check lengths. Should one not, a lie must harm nobody.
func FuzzPacketize(f *testing.F) {
	f.Add(unit(nal(0x65, 3000)), true)
	f.Add(unit(nal(0x06, 20), nal(0x41, 1150), nal(0x41, 1151)), false)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0x41}, false)
	f.Add([]byte{0, 0, 0, 9, 0x65}, true)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x65}, true)
	f.Add([]byte{0, 0}, true)
	f.Add(unit([]byte{25}, nal(28, 2000)), false)
	f.Fuzz(func(t *testing.T, data []byte, key bool) {
		p := New()
		for _, track := range []*media.Track{testVideo, testAAC, testOpus} {
			frame := &media.Frame{Track: track, DTS: 1, PTS: 2, Key: key, Data: data}
			packets := p.Packetize(frame)
			size := 0
			for i := range packets {
				size += len(packets[i].Payload)
				if n := len(packets[i].Payload); n == 0 || n > MaxPayload && track != testOpus {
					t.Fatalf("%s: payload of %d bytes", track.Codec, n)
				}
			}
			if track == testVideo {
				checkRun(t, frame, packets, 0)
				checkFragments(t, packets)
				reassemble(t, packets)
			}
			if most := 2*len(data) + 100; size > most {
				t.Fatalf("%s: %d bytes became %d", track.Codec, len(data), size)
			}
		}
	})
}

func BenchmarkPacketize(b *testing.B) {
	p := New()
	f := &media.Frame{Track: testVideo, Data: unit(nal(0x41, 9500))}
	b.ReportAllocs()
	b.SetBytes(int64(len(f.Data)))
	for b.Loop() {
		p.Packetize(f)
	}
}
