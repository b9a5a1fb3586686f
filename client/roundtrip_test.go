package client

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// follower checks that units come out as they went in.
type follower struct {
	t      *testing.T
	units  [2][]AccessUnit // of one run of the clip, by kind
	length time.Duration
	slack  time.Duration
	next   [2]int // position in units
	last   [2]AccessUnit
	base   [2]time.Duration // the player's time of the source's 0
	begun  [2]bool
	count  [2]int
	gaps   int // units that were left out
}

func newFollower(t *testing.T, c *clip) *follower {
	f := &follower{t: t, length: c.length(), slack: 1200 * time.Microsecond} // within a millisecond it lets be
	for _, u := range c.units() {
		f.units[u.Kind] = append(f.units[u.Kind], u)
	}
	return f
}

// settled is after how many units times are the publisher's.
const settled = 30

// take takes the next unit of a player: it must be the one after the last.
func (f *follower) take(u AccessUnit) {
	f.t.Helper()
	all := f.units[u.Kind]
	if !f.begun[u.Kind] {
		for i := range all {
			if string(all[i].Data) == string(u.Data) {
				f.next[u.Kind] = i
			}
		}
	}
	i := f.next[u.Kind]
	for skip := range 60 { // a server that gets no processor time leaves out what is too old
		if string(all[(i+skip)%len(all)].Data) == string(u.Data) {
			f.gaps, i = f.gaps+skip, i+skip
			break
		}
	}
	want := all[i%len(all)]
	if string(want.Data) != string(u.Data) {
		f.t.Fatalf("%s %d: %d bytes at %v are not the source's %d bytes", u.Kind, f.count[u.Kind], len(u.Data), u.DTS, len(want.Data))
	}
	at := want.DTS + f.length*time.Duration(i/len(all))
	// The server takes the publisher's clock from what arrives until it has been
	// told better, and slews to that.
	if !f.begun[u.Kind] || f.count[u.Kind] < settled {
		f.begun[u.Kind], f.base[u.Kind] = true, u.DTS-at
	}
	if off := u.DTS - at - f.base[u.Kind]; off > f.slack || off < -f.slack {
		f.t.Errorf("%s %d: DTS is %v off", u.Kind, f.count[u.Kind], off)
	}
	if off := (u.PTS - u.DTS) - (want.PTS - want.DTS); off > time.Millisecond || off < -time.Millisecond {
		f.t.Errorf("%s %d: PTS - DTS is %v off", u.Kind, f.count[u.Kind], off)
	}
	if u.Key != want.Key {
		f.t.Errorf("%s %d: key %v", u.Kind, f.count[u.Kind], u.Key)
	}
	f.next[u.Kind], f.last[u.Kind] = i+1, u
	f.count[u.Kind]++
}

// follow takes so many units of each kind.
func (f *follower) follow(p *Player, video, audio int) {
	f.t.Helper()
	for f.count[Video] < video || f.count[Audio] < audio {
		f.take(next(f.t, p))
		if f.count[Video] > video+1000 || f.count[Audio] > audio+1000 {
			f.t.Fatalf("%d pictures and %d sounds: %+v", f.count[Video], f.count[Audio], p.Stats())
		}
	}
	if off := f.base[Video] - f.base[Audio]; video > 0 && audio > 0 && (off > 2*f.slack || off < -2*f.slack) {
		f.t.Errorf("pictures are %v late against sound", off)
	}
}

// air publishes a clip over and over, in real time.
func air(t testing.TB, p *Publisher, c *clip) (stop func()) {
	t.Helper()
	return background(t, func(ctx context.Context) error {
		return paced(ctx, c.length(), c.units(), func(u AccessUnit) error { return p.Write(ctx, u) })
	})
}

// A file with B-frames and AAC goes in and comes out bit by bit, in order, and
// at its times.
func TestRoundTrip(t *testing.T) {
	s := newServer(t)
	for what, o := range map[string]struct {
		in, out         func(string) string
		latmIn, latmOut bool
	}{
		"ARTC":         {s.artc, s.artc, false, false},
		"WHIP":         {s.whip, s.whep, false, false},
		"LATM":         {s.whip, s.whep, true, true},
		"ADTS to LATM": {s.artc, s.whep, false, true},
	} {
		t.Run(what, func(t *testing.T) {
			c := clipOf(t, withBFrames)
			video, audio := trackOf(c.video), trackOf(c.audio)
			video.BFrames = true
			pub := publish(t, o.in(name(t)), PublishOptions{Video: video, Audio: audio, LATM: o.latmIn})
			stop := air(t, pub, c)
			p := play(t, o.out(name(t)), PlayOptions{LATM: o.latmOut})
			f := newFollower(t, c)
			f.follow(p, 150, 240)
			stop()
			if st := p.Stats(); !st.DelayKnown || st.Delay > time.Second || st.Lost != 0 {
				t.Errorf("player: %+v", st)
			}
			if st := pub.Stats(); st.RTT <= 0 || st.Dropped != 0 || st.Lost != 0 {
				t.Errorf("publisher: %+v", st)
			}
			must(t, pub.Close())
			must(t, p.Close())
			s.explain(f.gaps)
		})
	}
}

// explain checks that the server left out what a player did not get, because it
// was starved: the machine is shared.
func (s *server) explain(gaps int) {
	s.t.Helper()
	if gaps > 0 && !strings.Contains(s.log.String(), "skip_age:") {
		s.t.Errorf("%d units are missing, and the server left none out", gaps)
	}
}

// Opus goes through as it is.
func TestOpus(t *testing.T) {
	s := newServer(t)
	c := clipOf(t, plain)
	opus := &Track{Kind: Audio, Codec: Opus, Channels: 2}
	var units []AccessUnit
	for _, u := range c.units() {
		if u.Kind == Video {
			units = append(units, u)
		}
	}
	for i := range 200 { // a packet of silence, CELT, 20 ms, that tells its number
		at := time.Duration(i) * 20 * time.Millisecond
		units = append(units, AccessUnit{Kind: Audio, DTS: at, PTS: at, Data: []byte{0xfc, 0xff, 0xfe, byte(i), byte(i >> 8)}})
	}
	slices.SortStableFunc(units, func(a, b AccessUnit) int { return int(a.DTS - b.DTS) })
	pub := publish(t, s.whip("opus"), PublishOptions{Video: trackOf(c.video), Audio: opus})
	background(t, func(ctx context.Context) error {
		return paced(ctx, c.length(), units, func(u AccessUnit) error { return pub.Write(ctx, u) })
	})
	p := play(t, s.artc("opus"), PlayOptions{NoVideo: true})
	was := -1
	for range 100 {
		u := next(t, p)
		i := int(u.Data[3]) | int(u.Data[4])<<8
		if u.Kind != Audio || len(u.Data) != 5 || u.Track.Codec != Opus || was >= 0 && i != (was+1)%200 {
			t.Fatalf("packet %d after %d: %+v", i, was, u)
		}
		was = i
	}
}
