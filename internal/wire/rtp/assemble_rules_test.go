package rtp

import (
	"bytes"
	"testing"
	"time"

	"millrace/internal/media"
)

const millisecond = int64(time.Millisecond)

// tape cuts pictures of a plain stream that are 40 ms apart.
type tape struct {
	p  *Packetizer
	at media.Time
}

func newTape() *tape { return &tape{p: New()} }

// cut returns the packets of the next picture, a key frame or not, in several
// packets, with a SEI.
func (c *tape) cut(key bool) []media.Packet {
	first := byte(0x41)
	if key {
		first = 0x65
	}
	return c.cutAs(plain, key, unit(nal(6, 20), slice(first, false, 3000), slice(first, true, 700)))
}

func (c *tape) cutAs(t *media.Track, key bool, data []byte) []media.Packet {
	c.at += media.Time(40 * time.Millisecond)
	return c.p.Packetize(&media.Frame{Track: t, DTS: c.at, PTS: c.at, Arrived: 1e18 + int64(c.at), Key: key, Data: data})
}

// late is a packet that arrives some milliseconds after another did.
func late(pk media.Packet, after media.Packet, ms int64) media.Packet {
	pk.Arrived = after.Arrived + ms*millisecond
	return pk
}

// expect feeds packets and checks how many frames come out.
func expect(t *testing.T, a *Assembler, packets []media.Packet, want int) []*media.Frame {
	t.Helper()
	got := assembleAll(t, a, packets)
	if len(got) != want {
		t.Fatalf("%d frames, want %d", len(got), want)
	}
	return got
}

func expectLost(t *testing.T, a *Assembler, want bool) {
	t.Helper()
	if got := a.Lost(); got != want {
		t.Fatalf("lost is %v", got)
	}
	if a.Lost() {
		t.Fatal("one loss is reported twice")
	}
}

// A gap is waited for as long as a repeat can take, counted from when it shows.
func TestGapIsWaitedFor(t *testing.T) {
	for _, wait := range []int64{0, 499, 501} {
		c, a := newTape(), NewAssembler(plain, nil)
		expect(t, a, c.cut(true), 1)
		holed := c.cut(false)
		expect(t, a, append(holed[:1:1], holed[2:]...), 0)
		next := c.cut(false)
		repeat := late(holed[1], holed[2], wait)
		next[len(next)-1] = late(next[len(next)-1], holed[2], wait)
		if wait <= 500 {
			expect(t, a, next, 0)
			expect(t, a, []media.Packet{repeat}, 2)
			expectLost(t, a, false)
			continue
		}
		expect(t, a, next, 0)
		expectLost(t, a, true)
		expect(t, a, []media.Packet{repeat}, 0)
		expect(t, a, c.cut(false), 0)
		if f := expect(t, a, c.cut(true), 1); !f[0].Key {
			t.Fatal("no key frame")
		}
		expect(t, a, c.cut(false), 1)
		expectLost(t, a, false)
	}
}

// Where pictures are rare, the last packet of one is missed only when the next
// comes: the wait begins there.
func TestGapAtTheEndOfARarePicture(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	holed := c.cut(false)
	expect(t, a, holed[:len(holed)-1], 0)
	c.at += media.Time(5 * time.Second)
	next := c.cut(false)
	expect(t, a, next, 0)
	expect(t, a, []media.Packet{late(holed[len(holed)-1], next[0], 200)}, 2)
	expectLost(t, a, false)
}

// Packets whose arrival nobody noted wait by their own time.
func TestGapWithoutArrival(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	frames := 0
	for i := range 30 {
		packets := c.cut(i == 0 || i == 20)
		for j := range packets {
			packets[j].Arrived = 0
		}
		if i == 3 {
			packets = packets[1:]
		}
		frames += len(assembleAll(t, a, packets))
	}
	if frames != 3+10 {
		t.Fatalf("%d frames", frames)
	}
}

// The request for a key frame may be lost too.
func TestLostAsksAgain(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	c.cut(false) // lost
	asked := 0
	for range 100 { // 4 s, of which 500 ms are spent waiting
		expect(t, a, c.cut(false), 0)
		if a.Lost() {
			asked++
		}
	}
	if asked != 4 {
		t.Fatalf("asked %d times", asked)
	}
	expect(t, a, c.cut(true), 1)
	expectLost(t, a, false)
}

// A hole inside of a picture that no other refers to costs this one alone.
func TestLossOfADiscardablePicture(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	holed := c.cutAs(plain, false, unit(slice(0x01, false, 5000)))
	expect(t, a, append(holed[:1:1], holed[2:]...), 0)
	frames := 0
	for range 20 {
		frames += len(assembleAll(t, a, c.cut(false)))
	}
	if frames != 20 {
		t.Fatalf("%d frames", frames)
	}
	expectLost(t, a, false)
}

// Once decoding must begin anew, a whole key frame does not wait for a gap
// before it.
func TestLeapToAKeyFrame(t *testing.T) {
	for name, order := range map[string]func([]media.Packet) []media.Packet{
		"in order": func(p []media.Packet) []media.Packet { return p },
		"backwards": func(p []media.Packet) []media.Packet {
			out := make([]media.Packet, len(p))
			for i := range p {
				out[len(p)-1-i] = p[i]
			}
			return out
		},
		"without markers": func(p []media.Packet) []media.Packet {
			p[len(p)-1].Marker = false
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, a := newTape(), NewAssembler(plain, nil)
			expect(t, a, c.cut(true), 1)
			c.cut(false)
			for range 14 {
				expect(t, a, c.cut(false), 0)
			}
			expectLost(t, a, true)
			c.cut(false) // a second loss
			expect(t, a, c.cut(false), 0)
			key := assembleAll(t, a, order(c.cut(true)))
			key = append(key, assembleAll(t, a, c.cut(false))...)
			if len(key) != 2 || !key[0].Key || key[1].Key {
				t.Fatalf("%d frames", len(key))
			}
		})
	}
}

// Where a key frame does not begin with an SPS, the picture before shows its begin.
func TestLeapToAKeyFrameWithoutSets(t *testing.T) {
	for _, marked := range []bool{true, false} {
		c, a := newTape(), NewAssembler(plain, nil)
		expect(t, a, c.cut(true), 1)
		c.cut(false)
		for range 14 {
			expect(t, a, c.cut(false), 0)
		}
		c.cut(false) // a second loss
		before := c.cut(false)
		before[len(before)-1].Marker = marked
		expect(t, a, before, 0)
		silent := &media.Track{Kind: media.Video, Codec: media.H264}
		expect(t, a, c.cutAs(silent, true, unit(slice(0x65, false, 3000))), 1)
	}
}

// When there is no room to wait any more, a whole key frame behind the gaps is
// where things go on.
func TestCrowdedOutToAKeyFrame(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	first := c.cut(false)[0].Seq // lost
	expect(t, a, c.cut(false), 0)
	c.cut(false) // lost
	key := c.cut(true)
	expect(t, a, key, 0)
	far := late(key[len(key)-1], key[0], 0)
	far.Seq, far.Time = first+videoSpan, c.at+1
	if f := expect(t, a, []media.Packet{far}, 1)[0]; !f.Key || f.DTS != key[0].Time {
		t.Fatalf("%+v", f)
	}
	expectLost(t, a, false)
}

// A reader begins where the first packet of a key frame arrived, which need
// not be the one with the lowest number.
func TestBeginsInTheMiddle(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	key := c.cut(true)
	expect(t, a, key[2:], 0)
	for range 12 {
		expect(t, a, c.cut(false), 0)
	}
	expectLost(t, a, false)
	for range 2 {
		expect(t, a, c.cut(false), 0)
	}
	expectLost(t, a, true)
	key = c.cut(true)
	expect(t, a, key, 1)

	// What is repeated in time completes it.
	a = NewAssembler(plain, nil)
	expect(t, a, key[2:], 0)
	for range 12 {
		expect(t, a, c.cut(false), 0)
	}
	expect(t, a, key[:2], 13)
	expectLost(t, a, false)

	// Pictures before any key frame are of no use: one is asked for soon.
	c, a = newTape(), NewAssembler(plain, nil)
	for range 4 {
		expect(t, a, c.cut(false), 0)
	}
	expectLost(t, a, true)
	expect(t, a, c.cut(true), 1)
}

// A publisher that told its parameter sets outside of the stream may begin
// with a slice; what was reordered before it gets some time to come.
func TestBeginsWithoutSets(t *testing.T) {
	silent := &media.Track{Kind: media.Video, Codec: media.H264}
	for _, announced := range []*media.Track{plain, silent} {
		c, a := newTape(), NewAssembler(announced, nil)
		key := c.cutAs(silent, true, unit(slice(0x65, false, 3000)))
		frames := len(assembleAll(t, a, key))
		frames += len(assembleAll(t, a, c.cut(false)))
		frames += len(assembleAll(t, a, c.cut(false)))
		if frames != 0 {
			t.Fatalf("%d frames at once", frames)
		}
		frames = len(assembleAll(t, a, c.cut(false)))
		if want := map[bool]int{true: 4, false: 0}[announced == plain]; frames != want {
			t.Fatalf("%d frames, want %d", frames, want)
		}
		expectLost(t, a, announced == silent)

		// The same with SEI in front, and behind another picture.
		a = NewAssembler(announced, nil)
		frames = len(assembleAll(t, a, c.cutAs(silent, true, unit(nal(6, 20), slice(0x65, false, 3000)))))
		for range 3 {
			frames += len(assembleAll(t, a, c.cut(false)))
		}
		if want := map[bool]int{true: 4, false: 0}[announced == plain]; frames != want {
			t.Fatalf("with SEI: %d frames, want %d", frames, want)
		}
		a = NewAssembler(announced, nil)
		expect(t, a, c.cut(false), 0)
		expect(t, a, c.cutAs(silent, true, unit(slice(0x65, false, 3000))), map[bool]int{true: 1, false: 0}[announced == plain])
	}
}

// What holds no picture is not missed, and a key frame that came before anybody
// asked makes a loss good.
func TestNotLost(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	for range 4 {
		expect(t, a, c.cutAs(plain, false, unit(nal(6, 20))), 0)
	}
	expectLost(t, a, false)
	expect(t, a, c.cut(true), 1)
	c.cut(false)
	for range 14 {
		expect(t, a, c.cut(false), 0)
	}
	expect(t, a, c.cut(true), 1)
	expectLost(t, a, false)
}

// An access unit also ends where the next one begins.
func TestWithoutMarkers(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	for i := range 10 {
		packets := c.cut(i == 0)
		packets[len(packets)-1].Marker = false
		expect(t, a, packets, min(i, 1))
	}
}

// Packets without payload, which senders probe the path with, are part of the
// numbering and of nothing else.
func TestPadding(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	for i := range 5 {
		packets := c.cut(i == 0)
		c.p.seq[media.Video]++
		probe := packets[len(packets)-1]
		probe.Seq, probe.Payload, probe.Marker = probe.Seq+1, nil, false
		expect(t, a, append(packets, probe), 1)
	}
	expectLost(t, a, false)
}

func TestTrackFollowsParameterSets(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	if f := expect(t, a, c.cut(true), 1); f[0].Track != plain {
		t.Fatal("not the announced track")
	}
	f := expect(t, a, c.cutAs(reordering, true, unit(slice(0x65, false, 500))), 1)[0]
	if f.Track.Width != 1920 || f.Track.Height != 1080 || !f.Track.Reorder || len(f.Track.Params) != 2 ||
		!bytes.Equal(f.Track.Params[0], largeSPS) {
		t.Fatalf("%+v", f.Track)
	}
	again := expect(t, a, c.cutAs(reordering, true, unit(slice(0x65, false, 500))), 1)[0]
	if again.Track != f.Track {
		t.Fatal("the same sets made another track")
	}
	// An SPS that nobody can read is not one.
	f = expect(t, a, c.cutAs(testVideo, true, unit(slice(0x65, false, 500))), 1)[0]
	if f.Track != again.Track {
		t.Fatalf("%+v", f.Track)
	}
	// A B slice shows that the sets did not tell all.
	c, a = newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	b := []byte{0x41, 0b1_00111_00, 0x33}
	if f = expect(t, a, c.cutAs(plain, false, unit(b)), 1)[0]; !f.Track.Reorder || f.Track.Width != plain.Width || plain.Reorder {
		t.Fatalf("%+v", f.Track)
	}
}

// A publisher that comes back may number as it likes; nothing of the old one
// is waited for, and its parameter sets are void.
func TestDiscontinuity(t *testing.T) {
	for _, leap := range []int64{0, -1000, 5000} {
		old := *reordering
		old.Params = [][]byte{largeSPS, largePPS, {0x68, 0x50, 0x80}} // a PPS more
		c, a := newTape(), NewAssembler(&old, nil)
		c.p.seq[media.Video] = 2000
		expect(t, a, c.cutAs(reordering, true, unit(slice(0x65, false, 500))), 1)
		expect(t, a, c.cut(false)[:2], 0)
		c.p.seq[media.Video] += leap
		c.at += media.Time(3 * time.Second)
		fresh := c.cut(true)
		for i := range fresh {
			fresh[i].Discontinuity = true
		}
		fresh[1], fresh[2] = fresh[2], fresh[1]
		f := expect(t, a, fresh, 1)[0]
		if !f.Discontinuity || !f.Key || f.Track.Width != 640 || len(f.Track.Params) != 2 || f.Track.Reorder {
			t.Fatalf("%+v of %+v", f, f.Track)
		}
		if f = expect(t, a, c.cut(false), 1)[0]; f.Discontinuity {
			t.Fatal("marked twice")
		}
		expectLost(t, a, false)
	}
}

// Units that do not fit together are a loss, not a picture.
func TestBrokenPictures(t *testing.T) {
	for name, broken := range map[string]func([]media.Packet){
		"no first fragment": func(p []media.Packet) { p[1].Payload = []byte{0x41} },
		"no last fragment":  func(p []media.Packet) { p[3].Payload = []byte{0x41} },
		"other type":        func(p []media.Packet) { p[2].Payload = append([]byte{0x7c, 0x05}, p[2].Payload[2:]...) },
		"sets beyond count": func(p []media.Packet) {
			p[0].Payload = append([]byte{nalSTAPA}, bytes.Repeat([]byte{0, 2, 0x68, 0x80}, 65)...)
		},
		"reserved type": func(p []media.Packet) { p[0].Payload = []byte{0x1f, 1} },
		"cut off":       func(p []media.Packet) { p[0].Payload = []byte{0x18, 0, 9, 1} },
	} {
		c, a := newTape(), NewAssembler(plain, nil)
		expect(t, a, c.cut(true), 1)
		packets := c.cut(false)
		broken(packets)
		if got := assembleAll(t, a, packets); len(got) != 0 {
			t.Fatalf("%s: a picture came out", name)
		}
		expectLost(t, a, true)
		expect(t, a, c.cut(false), 0)
		expect(t, a, c.cut(true), 1)
	}
}

// Other codecs make no frames, and are no loss.
func TestCodecsWithoutFrames(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	expect(t, a, c.cut(true), 1)
	for range 10 {
		packets := c.cut(false)
		for i := range packets {
			packets[i].Codec = media.VP8
		}
		expect(t, a, packets, 0)
	}
	expectLost(t, a, false)
	expect(t, a, c.cut(false), 0)
	expectLost(t, a, true)
	expect(t, a, c.cut(true), 1)
}

// A clock that runs back does not make frames run back.
func TestTimeIsHeld(t *testing.T) {
	c, a := newTape(), NewAssembler(plain, nil)
	first := expect(t, a, c.cut(true), 1)[0]
	c.at -= media.Time(time.Second)
	if f := expect(t, a, c.cut(false), 1)[0]; f.DTS != first.DTS || f.PTS != first.DTS {
		t.Fatalf("%d, %d after %d", f.DTS, f.PTS, first.DTS)
	}
}

// Whatever a publisher leaves out, no more than the limits is held, and a key
// frame puts things right.
func TestLimits(t *testing.T) {
	for name, mangle := range map[string]func(pk *media.Packet, i int64){
		"every second number": func(pk *media.Packet, i int64) { pk.Seq += i },
		"no end": func(pk *media.Packet, _ int64) {
			pk.Time, pk.Marker = 0, false
		},
		"leaps":                 func(pk *media.Packet, i int64) { pk.Seq += i * 5000 },
		"backwards":             func(pk *media.Packet, i int64) { pk.Seq -= 2 * i },
		"never an arrival":      func(pk *media.Packet, i int64) { pk.Arrived, pk.Time, pk.Seq = 1, 0, pk.Seq+i },
		"large, without an end": func(pk *media.Packet, _ int64) { pk.Payload, pk.Marker, pk.Time = make([]byte, 60_000), false, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c, a := newTape(), NewAssembler(plain, nil)
			c.p.seq[media.Video] = 1 << 20
			assembleAll(t, a, c.cut(true))
			i, highest := int64(0), int64(0)
			for range 1500 {
				packets := c.cut(false)
				for j := range packets {
					i++
					mangle(&packets[j], i)
					highest = max(highest, packets[j].Seq)
				}
				for j := range packets {
					a.Assemble(&packets[j])
				}
			}
			checkBounds(t, a)
			c.p.seq[media.Video] = highest + 1
			expect(t, a, c.cut(true), 1)
			expect(t, a, c.cut(false), 1)
		})
	}
}
