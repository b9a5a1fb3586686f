package rtp

import (
	"bytes"
	"testing"
	"time"

	"millrace/internal/media"
)

// sounds cuts frames of sound that are 20 ms apart.
func sounds(p *Packetizer, t *media.Track, from, count, size int) (packets [][]media.Packet) {
	for i := range count {
		at := media.Time(from+i) * media.Time(20*time.Millisecond)
		packets = append(packets, p.Packetize(&media.Frame{Track: t, DTS: at, PTS: at, Arrived: 1e18 + int64(at), Key: true, Data: nal(0xfc, size)}))
	}
	return packets
}

// Sound waits for a repeat, but not for long, and goes on without it.
func TestSoundThatIsMissing(t *testing.T) {
	for _, track := range []*media.Track{testOpus, testAAC} {
		for _, size := range []int{200, 3000} {
			a := NewAssembler(nil, track)
			all := sounds(New(), track, 0, 20, size)
			expect(t, a, all[0], 1)
			last := len(all[1]) - 1
			expect(t, a, all[1][:last], 0)
			for i := 2; i <= 6; i++ { // shows at 40 ms, is over at 140 ms
				expect(t, a, all[i], 0)
			}
			expect(t, a, all[7], 0) // exactly 100 ms
			expect(t, a, all[8], 7)
			expect(t, a, all[1][last:], 0)
			expect(t, a, all[9], 1)

			a = NewAssembler(nil, track)
			expect(t, a, all[0], 1)
			expect(t, a, all[1][:last], 0)
			expect(t, a, all[2], 0)
			expect(t, a, all[1][last:], 2)
			expectLost(t, a, false)
		}
	}
}

// Neither kind waits for the other's gaps; and the time that one shows to pass
// counts for both.
func TestKindsAreIndependent(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, testOpus)
	expect(t, a, c.cut(true), 1)
	c.cut(false) // lost
	expect(t, a, c.cut(false), 0)
	for i, pk := range sounds(New(), testOpus, 10, 30, 100) {
		expect(t, a, pk, 1)
		if i < 20 {
			expectLost(t, a, false)
		}
	}
	expectLost(t, a, true)
}

// Without an announced configuration the ADTS header tells.
func TestTrackFromADTS(t *testing.T) {
	p := New()
	a := NewAssembler(nil, nil)
	all := sounds(p, testAAC, 0, 2, 300)
	first := expect(t, a, all[0], 1)[0].Track
	if !bytes.Equal(first.Config, testAAC.Config) || first.SampleRate != 44100 || first.Channels != 2 || first.Codec != media.AAC {
		t.Fatalf("%+v", first)
	}
	if f := expect(t, a, all[1], 1)[0]; f.Track != first {
		t.Fatal("the same header made another track")
	}
	mono := &media.Track{Kind: media.Audio, Codec: media.AAC, Config: []byte{0x11, 0x88}}
	f := expect(t, a, sounds(p, mono, 2, 1, 300)[0], 1)[0]
	if !bytes.Equal(f.Track.Config, mono.Config) || f.Track.SampleRate != 48000 || f.Track.Channels != 1 {
		t.Fatalf("%+v", f.Track)
	}
	f = expect(t, a, sounds(p, testOpus, 3, 1, 300)[0], 1)[0]
	if f.Track.Codec != media.Opus || f.Track.SampleRate != 48000 || f.Track.Channels != 2 {
		t.Fatalf("%+v", f.Track)
	}
}

// A header names only the core of HE-AAC, which does not contradict the
// announcement.
func TestTrackOfHEAACStays(t *testing.T) {
	he := &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x2b, 0x11, 0x88, 0x00}}
	a := NewAssembler(nil, he)
	if f := expect(t, a, sounds(New(), he, 0, 1, 300)[0], 1)[0]; f.Track != he {
		t.Fatalf("%+v", f.Track)
	}
}

// What is no frame makes none, and does not disturb the next.
func TestBrokenSound(t *testing.T) {
	p := New()
	a := NewAssembler(nil, testAAC)
	all := sounds(p, testAAC, 0, 8, 300)
	all[1][0].Payload = nil
	all[2][0].Payload = []byte{0xff}
	all[3][0].Payload = all[3][0].Payload[:100]
	all[4][0].Payload = append(bytes.Clone(all[4][0].Payload), 0)
	all[5][0].Codec = media.H264
	for i, pk := range all {
		expect(t, a, pk, map[bool]int{true: 0, false: 1}[i >= 1 && i <= 5])
	}
	opus := sounds(p, testOpus, 8, 2, 300)
	opus[0][0].Payload = []byte{0xff} // counts frames that are not there
	expect(t, a, opus[0], 0)
	expect(t, a, opus[1], 1)
}

// Opus and whole ADTS frames are not copied.
func TestSoundIsShared(t *testing.T) {
	for _, track := range []*media.Track{testOpus, testAAC} {
		pk := sounds(New(), track, 0, 1, 300)[0]
		f := NewAssembler(nil, track).Assemble(&pk[0])
		if len(f) != 1 || &f[0].Data[len(f[0].Data)-1] != &pk[0].Payload[len(pk[0].Payload)-1] {
			t.Fatalf("%s was copied", track.Codec)
		}
	}
}
