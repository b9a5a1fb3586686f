package ts

import (
	"bytes"
	"testing"

	"millrace/internal/media"
)

// remux writes frames and returns the bytes.
func remux(t testing.TB, frames []*media.Frame, base media.Time) []byte {
	t.Helper()
	m := NewMuxer()
	var tracks [2]*media.Track
	var out []byte
	for _, f := range frames {
		if tracks[f.Track.Kind] != f.Track {
			tracks[f.Track.Kind] = f.Track
			if err := m.Set(f.Track); err != nil {
				t.Fatal(err)
			}
		}
		b, err := m.Frame(f, base)
		if err != nil {
			t.Fatal(err)
		}
		if len(b)%PacketSize != 0 {
			t.Fatalf("%d bytes are no packets", len(b))
		}
		out = append(out, b...)
	}
	return out
}

// What is read, written and read again is the same to the byte.
func TestRoundTrip(t *testing.T) {
	for name, args := range map[string][]string{
		"H264 with B-frames, AAC": {"-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-ac", "2"},
		"HEVC, Opus":              {"-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "libopus", "-ac", "2"},
		"slices":                  {"-c:v", "libx264", "-slices", "4", "-c:a", "libopus"},
		"sound alone":             {"-vn", "-c:a", "aac"},
		"picture alone":           {"-an", "-c:v", "libx264"},
	} {
		t.Run(name, func(t *testing.T) {
			first := take(t, NewReader(bytes.NewReader(film(t, args...))))
			b := remux(t, first, first[0].DTS)
			second := take(t, NewReader(bytes.NewReader(b)))
			same(t, first, second, toTime(begin)-first[0].DTS)
			checkPackets(t, b)
		})
	}
}

// same says that frames are those that were written, shift later, each kind in
// its order: a picture that fills its last packet to the byte comes late.
func same(t *testing.T, first, second []*media.Frame, shift media.Time) {
	t.Helper()
	within := func(d media.Time) bool { return -12_000 < d && d < 12_000 } // a tick
	if len(first) == 0 {
		t.Fatal("there are no frames")
	}
	for _, k := range []media.Kind{media.Video, media.Audio} {
		was, is := of(first, k), of(second, k)
		if len(was) != len(is) {
			t.Fatalf("%s: %d frames became %d", k, len(was), len(is))
		}
		for i, f := range was {
			g := is[i]
			a, b := f.Track, g.Track
			if f.Key != g.Key || !bytes.Equal(f.Data, g.Data) || !within(g.DTS-f.DTS-shift) || !within(g.PTS-f.PTS-shift) {
				t.Fatalf("%s frame %d: %d bytes at %d became %d at %d", k, i, len(f.Data), f.DTS+shift, len(g.Data), g.DTS)
			}
			if a.Codec != b.Codec || len(a.Params) != len(b.Params) || a.Channels != b.Channels || !bytes.Equal(a.Config, b.Config) {
				t.Fatalf("%s frame %d: track %+v became %+v", k, i, a, b)
			}
		}
	}
}

// checkPackets holds a Muxer's bytes against the standard: counters go on,
// tables come every 500 ms and in front of key frames, the clock every 100 ms
// where there are pictures, and never later than what it is for.
func checkPackets(t *testing.T, b []byte) {
	t.Helper()
	counters := map[uint16]byte{}
	tabled, clocks := 0, 0
	lastClock := int64(-1)
	for i := 0; i < len(b); i += PacketSize {
		p, ok := parsePacket(b[i : i+PacketSize])
		if !ok || b[i] != syncByte {
			t.Fatalf("packet %d is none", i/PacketSize)
		}
		if last, seen := counters[p.pid]; seen && p.counter != (last+1)&0xf {
			t.Fatalf("packet %d: PID %#x counts %d after %d", i/PacketSize, p.pid, p.counter, last)
		}
		counters[p.pid] = p.counter
		if p.pid == pidPAT {
			tabled = i
		}
		if b[i+3]&0x20 != 0 && b[i+4] > 0 && b[i+5]&0x40 != 0 && i-tabled != 2*PacketSize {
			t.Fatalf("packet %d: a key frame without tables in front", i/PacketSize)
		}
		if b[i+3]&0x20 != 0 && b[i+4] > 6 && b[i+5]&0x10 != 0 {
			f := b[i+6:]
			clock := int64(f[0])<<25 | int64(f[1])<<17 | int64(f[2])<<9 | int64(f[3])<<1 | int64(f[4]>>7)
			if lastClock >= 0 && (clock <= lastClock || clock-lastClock > Clock/10) {
				t.Fatalf("packet %d: the clock is %d after %d", i/PacketSize, clock, lastClock)
			}
			lastClock = clock
			clocks++
			if u, ok := parsePES(p.payload); ok && u.dts < clock {
				t.Fatalf("packet %d: a unit of %d at %d", i/PacketSize, u.dts, clock)
			}
		}
	}
	if clocks < 25 {
		t.Errorf("%d clock references in three seconds", clocks)
	}
}

// Tables follow what the source turns to, and times wrap around.
func TestMuxerFollowsItsTracks(t *testing.T) {
	first := take(t, NewReader(bytes.NewReader(film(t, "-c:v", "libx264", "-bf", "0", "-c:a", "aac"))))
	second := take(t, NewReader(bytes.NewReader(film(t, "-c:v", "libx265", "-x265-params", "log-level=error:bframes=0", "-c:a", "libopus"))))
	end := first[len(first)-1].DTS
	// The pictures begin a second late.
	all := []*media.Frame{}
	for _, f := range first {
		if f.Track.Kind == media.Audio || f.DTS > first[0].DTS+1e9 && len(of(all, media.Video)) > 0 || f.Key && f.DTS > first[0].DTS+5e8 {
			all = append(all, f)
		}
	}
	for _, f := range second {
		f.DTS += end
		f.PTS += end
		all = append(all, f)
	}
	// Two seconds in, 33 bits are over.
	const wrap = int64(1) << stampBits
	for _, f := range all {
		at := toTime(wrap - 3*Clock)
		f.DTS += at - first[0].DTS
		f.PTS += at - first[0].DTS
	}
	out := remux(t, all, 0)
	same(t, all, take(t, NewReader(bytes.NewReader(out))), toTime(begin))
}
