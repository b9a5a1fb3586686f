package ts

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// broken reads a source that is not as it was, counting drops.
func broken(t testing.TB, b []byte) (frames []*media.Frame, drops map[reason.Reason]int) {
	t.Helper()
	drops = map[reason.Reason]int{}
	r := NewReader(bytes.NewReader(b))
	r.OnDrop = func(why reason.Reason) { drops[why]++ }
	return take(t, r), drops
}

var plainFilm = []string{"-c:v", "libx264", "-bf", "0", "-c:a", "aac"}

// Whatever is lost, no frame comes that was not sent, and pictures go on at a
// key frame.
func TestLossLeavesOnlyWholeFrames(t *testing.T) {
	film := film(t, plainFilm...)
	whole := take(t, NewReader(bytes.NewReader(film)))
	at := func(all []*media.Frame, f *media.Frame) int {
		return slices.IndexFunc(all, func(g *media.Frame) bool { return g.DTS == f.DTS && g.PTS == f.PTS && bytes.Equal(f.Data, g.Data) })
	}
	const messageSize = 7 * PacketSize
	losses := 0
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var left []byte
		lost := 0
		for b := range slices.Chunk(film, messageSize) {
			if random.IntN(40) == 0 && lost < 2 { // 16 packets of a PID would look like none
				lost++
				continue
			}
			lost = 0
			left = append(left, b...)
		}
		frames, drops := broken(t, left)
		losses += drops[reason.Lost]
		if drops[reason.Protocol] > 0 {
			t.Errorf("seed %d: dropped %v", seed, drops)
		}
		for kind, all := range map[media.Kind][]*media.Frame{media.Video: of(whole, media.Video), media.Audio: of(whole, media.Audio)} {
			last := -1
			for _, f := range of(frames, kind) {
				i := at(all, f)
				if i <= last {
					t.Fatalf("seed %d: %s at %d is not what was sent", seed, kind, f.DTS)
				}
				if kind == media.Video && i != last+1 && !f.Key {
					t.Fatalf("seed %d: picture %d follows %d and is no key frame", seed, i, last)
				}
				last = i
			}
		}
	}
	if losses < 20 {
		t.Errorf("%d losses seen", losses)
	}
}

// Garbage between packets costs no frame, and of damage within them no more than
// what it is in.
func TestGarbageIsPassedOver(t *testing.T) {
	film := film(t, plainFilm...)
	whole := take(t, NewReader(bytes.NewReader(film)))
	random := rand.New(rand.NewPCG(1, 2))
	var noisy []byte
	for i, b := range slices.Collect(slices.Chunk(film, PacketSize)) {
		if i%50 == 20 {
			for range random.IntN(400) {
				noisy = append(noisy, byte(random.IntN(0x47)))
			}
		}
		noisy = append(noisy, b...)
		if i%30 == 3 {
			noisy = append(noisy, b...) // sent twice, as is allowed
		}
	}
	frames, drops := broken(t, noisy)
	if len(frames) != len(whole) || drops[reason.Protocol] == 0 || drops[reason.Lost] > 0 {
		t.Errorf("%d frames of %d, dropped %v", len(frames), len(whole), drops)
	}
	// A cable that is pulled: the end of one source, and another one.
	cut := append(slices.Clone(film[:len(film)/2+77]), film...)
	frames, _ = broken(t, cut)
	if len(frames) < len(whole)+len(whole)/3 {
		t.Errorf("%d frames of one and a half times %d", len(frames), len(whole))
	}
}

// A unit without an end is given up, and what follows is read.
func TestUnitsAreBounded(t *testing.T) {
	film := film(t, plainFilm...)
	first := take(t, NewReader(bytes.NewReader(film)))
	// A picture that goes on and on, on its PID.
	endless := make([]byte, 0, maxUnit+maxUnit/8)
	for counter := byte(0); len(endless) < maxUnit+maxUnit/16; counter++ {
		p := make([]byte, PacketSize)
		p[0], p[1], p[2], p[3] = syncByte, 1, 0, 0x10|counter&0xf
		if counter == 0 && len(endless) == 0 {
			p[1] |= 0x40
			copy(p[4:], []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1})
		}
		endless = append(endless, p...)
	}
	tables := film[:3*PacketSize]
	frames, drops := broken(t, slices.Concat(tables, endless, film))
	if len(frames) != len(first) || drops[reason.Lost] == 0 {
		t.Errorf("%d frames of %d, dropped %v", len(frames), len(first), drops)
	}
}

// seeds are a few packets of each kind of film.
func seeds(t testing.TB) (all [][]byte) {
	m := NewMuxer()
	aac := &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
	opus := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	for _, track := range []*media.Track{aac, opus} {
		if err := m.Set(track); err != nil {
			t.Fatal(err)
		}
		var film []byte
		for i := range 3 {
			at := media.Time(i) * 600e6
			b, err := m.Frame(&media.Frame{Track: track, DTS: at, PTS: at, Data: bytes.Repeat([]byte{0xfc, 1, 2}, 100)}, 0)
			if err != nil {
				t.Fatal(err)
			}
			film = append(film, b...)
		}
		all = append(all, film)
	}
	return all
}

func FuzzReader(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	for _, name := range []string{"testdata/h264.ts", "testdata/hevc.ts"} { // ffmpeg's: with ADTS, and with LATM
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		size := 0
		for {
			frame, err := r.Next()
			if err != nil {
				if err != io.EOF && r.unfit == nil {
					t.Fatal(err)
				}
				break
			}
			if frame.Track == nil || len(frame.Data) == 0 || frame.PTS < frame.DTS {
				t.Fatalf("%+v", frame)
			}
			size += len(frame.Data)
		}
		if size > 3*len(b) {
			t.Fatalf("%d bytes became %d", len(b), size)
		}
	})
}
