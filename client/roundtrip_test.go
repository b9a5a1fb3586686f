package client

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"
)

// follower checks that units come out as they went in.
type follower struct {
	t       *testing.T
	units   [2][]AccessUnit // of one run of the clip, by kind
	length  time.Duration
	slack   [2]time.Duration // by kind
	next    [2]int           // position in units
	off     [2]time.Duration // the player's time of the source's 0, by the last unit
	at      [2]time.Duration // the last unit's time at the source
	begun   [2]bool
	count   [2]int
	gaps    int  // units that were left out
	jumps   int  // times that went on elsewhere
	delayed bool // an age of what arrives was known
}

// exact is what times may be off that are not slewed: within a millisecond the
// server lets them be.
const exact = 1200 * time.Microsecond

func newFollower(t *testing.T, c *clip) *follower {
	f := &follower{t: t, length: c.length(), slack: [2]time.Duration{exact, exact}}
	for _, u := range c.units() {
		f.units[u.Kind] = append(f.units[u.Kind], u)
	}
	return f
}

// take takes the next unit of a player: it must be the one after the last. A server
// or a link that gets no processor time leaves some out.
func (f *follower) take(u AccessUnit) {
	f.t.Helper()
	k := u.Kind
	all := f.units[k]
	i, skipped := f.next[k], 0
	for string(all[i%len(all)].Data) != string(u.Data) {
		if i, skipped = i+1, skipped+1; skipped == len(all) {
			f.t.Fatalf("%s %d: %d bytes at %v are none of the source's", k, f.count[k], len(u.Data), u.DTS)
		}
	}
	want := all[i%len(all)]
	f.timed(u, want.DTS+f.length*time.Duration(i/len(all)))
	if f.begun[k] {
		f.gaps += skipped
	}
	if off := (u.PTS - u.DTS) - (want.PTS - want.DTS); off > time.Millisecond || off < -time.Millisecond {
		f.t.Errorf("%s %d: PTS - DTS is %v off", k, f.count[k], off)
	}
	if u.Key != want.Key {
		f.t.Errorf("%s %d: key %v", k, f.count[k], u.Key)
	}
	f.next[k], f.begun[k] = i+1, true
	f.count[k]++
}

// timed checks the time of a unit that the source has at a time. The server takes
// the publisher's clock from what arrives until it has been told better; it slews
// the times of pictures to that, by a twentieth of what passes, and sound's never.
// What comes more than a second late it takes for a clock that was set.
func (f *follower) timed(u AccessUnit, at time.Duration) {
	f.t.Helper()
	k := u.Kind
	off := u.DTS - at
	by, most := off-f.off[k], f.slack[k]
	if k == Video {
		most += max(0, at-f.at[k]) / 20
	}
	switch {
	case !f.begun[k]:
	case by > jumped/2 || by < -jumped/2:
		f.jumps++
	case by > most || by < -most:
		f.t.Errorf("%s %d: DTS is %v off", k, f.count[k], by)
	case k == Audio:
		off = f.off[k] // or small steps would add up unseen
	}
	f.off[k], f.at[k] = off, at
}

// apart is how late pictures are against sound.
func (f *follower) apart() time.Duration { return f.off[Video] - f.off[Audio] }

// follow takes so many units of each kind, and more until they are in step.
func (f *follower) follow(p *Player, video, audio int) {
	f.t.Helper()
	limit := time.Now().Add(patience)
	for f.count[Video] < video || f.count[Audio] < audio || f.apart() > 2*exact || f.apart() < -2*exact {
		f.take(next(f.t, p))
		f.delayed = f.delayed || p.Stats().DelayKnown
		if time.Now().After(limit) {
			f.t.Fatalf("%d pictures and %d sounds, pictures %v late: %+v", f.count[Video], f.count[Audio], f.apart(), p.Stats())
		}
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
			await(t, "round-trip time", func() bool { return pub.Stats().RTT > 0 })
			if !f.delayed {
				t.Errorf("player: %+v", p.Stats())
			}
			stop()
			must(t, pub.Close())
			must(t, p.Close())
			s.explain(f, pub, p)
		})
	}
}

var (
	leftOut  = regexp.MustCompile(`proto=rtc .* drops="?map\[\w|proto=rtc_publish .* lost(_audio)?=[1-9]`)
	clockSet = regexp.MustCompile(`proto=rtc_publish .* timestamp_jumps=[1-9]`)
)

// explain checks that the server has told of what a player did not get, or one of
// the two has: the machine is shared, and the test may be starved. It wants both
// closed.
func (s *server) explain(f *follower, pub *Publisher, p *Player) {
	s.t.Helper()
	sent, got := pub.Stats(), p.Stats()
	if sent.Reconnects+got.Reconnects > 0 {
		return
	}
	told := func(of *regexp.Regexp) func() bool { return func() bool { return of.MatchString(s.log.String()) } }
	if f.gaps > 0 && sent.Dropped+got.Lost+got.Dropped == 0 {
		await(s.t, fmt.Sprintf("the server to tell of %d units that are missing", f.gaps), told(leftOut))
	}
	if f.jumps > 0 {
		await(s.t, fmt.Sprintf("the server to tell of %d jumps", f.jumps), told(clockSet))
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
	stop := background(t, func(ctx context.Context) error {
		return paced(ctx, c.length(), units, func(u AccessUnit) error { return pub.Write(ctx, u) })
	})
	p := play(t, s.artc("opus"), PlayOptions{NoVideo: true})
	was, f := -1, &follower{}
	for range 100 {
		u := next(t, p)
		i := int(u.Data[3]) | int(u.Data[4])<<8
		if u.Kind != Audio || len(u.Data) != 5 || u.Track.Codec != Opus || i >= 200 {
			t.Fatalf("packet %d after %d: %+v", i, was, u)
		}
		if was >= 0 {
			f.gaps += (i - was + 199) % 200
		}
		was = i
	}
	stop()
	must(t, pub.Close())
	must(t, p.Close())
	s.explain(f, pub, p)
}
