package rtc

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// nals takes the NAL units out of packets of whole frames.
func nals(t testing.TB, packets []received) [][]byte {
	t.Helper()
	d := codecs.H264Packet{}
	var stream []byte
	for _, p := range packets {
		b, err := d.Unmarshal(p.Payload)
		must(t, err)
		stream = append(stream, b...)
	}
	var out [][]byte
	for _, n := range bytes.Split(stream, []byte{0, 0, 0, 1}) {
		if len(n) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// frame returns the packets of the next whole frame.
func (c *client) frame() []received {
	c.t.Helper()
	var run []received
	for marked := false; !marked || c.sorts && int(run[len(run)-1].SequenceNumber-run[0].SequenceNumber) != len(run)-1; {
		p := c.nextOf(media.Video)
		run = append(run, p)
		marked = marked || p.Marker
		if c.sorts {
			slices.SortFunc(run, func(a, b received) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
		}
	}
	return run
}

// picture is what the client decodes of one frame.
type seen struct {
	time      time.Duration // as the publisher named it
	timestamp uint32
	key       bool
	packets   []received
}

// see receives one frame and checks that it is whole.
func (c *client) see() seen {
	c.t.Helper()
	run := c.frame()
	s := seen{timestamp: run[0].Timestamp, packets: run}
	for i, p := range run {
		if p.Timestamp != s.timestamp || p.SequenceNumber != run[0].SequenceNumber+uint16(i) {
			c.t.Fatalf("packet %d of a frame: %+v", i, p.Header)
		}
	}
	units := nals(c.t, run)
	last := units[len(units)-1]
	switch last[0] & 0x1f {
	case 5:
		s.key = true
		if len(units) != 3 || units[0][0] != 0x67 || units[1][0] != 0x68 {
			c.t.Fatalf("a key frame comes with %d units", len(units))
		}
	case 1:
		if len(units) != 1 {
			c.t.Fatalf("a frame comes with %d units", len(units))
		}
	default:
		c.t.Fatalf("a unit of type %d", last[0]&0x1f)
	}
	for i := 9; i < len(last); i++ {
		if last[i] != byte(i) {
			c.t.Fatalf("byte %d of a slice changed", i)
		}
	}
	s.time = stamp(last)
	return s
}

// checkContiguous checks that a frame follows another directly.
func checkContiguous(t testing.TB, a, b seen, every time.Duration) {
	t.Helper()
	if got, want := b.packets[0].SequenceNumber, a.packets[len(a.packets)-1].SequenceNumber+1; got != want {
		t.Fatalf("number %d follows %d", got, want-1)
	}
	if b.time != a.time+every {
		t.Fatalf("picture %v follows %v", b.time, a.time)
	}
	if ticks := b.timestamp - a.timestamp; ticks != uint32(every/time.Millisecond)*90 {
		t.Fatalf("%d ticks between pictures that are %v apart", ticks, every)
	}
}

// pursuit checks what a viewer is shown that may still be catching up where the
// machine is busy: it may leap to a newer key frame, once.
type pursuit struct {
	t     testing.TB
	was   seen
	leapt bool
}

func (p *pursuit) check(s seen) {
	p.t.Helper()
	if !p.leapt && s.key && s.time > p.was.time+pictureEvery {
		p.leapt = true
		if got, want := s.packets[0].SequenceNumber, p.was.packets[len(p.was.packets)-1].SequenceNumber+1; got != want {
			p.t.Fatalf("number %d follows %d", got, want-1)
		}
	} else {
		checkContiguous(p.t, p.was, s, pictureEvery)
	}
	p.was = s
}

func TestPlay(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	first := c.see()
	if !first.key {
		t.Fatal("the first frame is no key frame")
	}
	var delay rtp.PlayoutDelayExtension
	id := extensionID(t, c, 0)
	for _, p := range first.packets {
		if err := delay.Unmarshal(p.GetExtension(id)); err != nil || delay.MinDelay != 0 || delay.MaxDelay != 40 {
			t.Fatalf("playout delay of a key frame: %+v, %v", delay, err)
		}
	}
	p := pursuit{t: t, was: first}
	for range 40 {
		s := c.see()
		p.check(s)
		if on := s.packets[0].GetExtension(id) != nil; on != s.key {
			t.Fatalf("playout delay %v, key frame %v", on, s.key)
		}
	}
	if !r.sealsByGCM(c.id) {
		t.Fatal("the SRTP profile is not GCM")
	}
	must(t, c.pc.Close())
	line := r.ledger.awaitReason(t, c.id, reason.ClosedByPeer)
	if line["packets"].Uint64() < 41*4 || line["peer"].String() == "" {
		t.Fatalf("closing line: %v", line)
	}
}

// extensionID returns the id that the i-th of extensions was given.
func extensionID(t testing.TB, c *client, i int) uint8 {
	t.Helper()
	for _, tr := range c.pc.GetTransceivers() {
		for _, e := range tr.Receiver().GetParameters().HeaderExtensions {
			if e.URI == extensions[i] {
				return uint8(e.ID)
			}
		}
	}
	t.Fatalf("%s was not negotiated", extensions[i])
	return 0
}

// Sound is numbered and stamped without a gap, and comes as it was sent.
func TestSound(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	run := c.takes(media.Audio, 50)
	for i, p := range run[1:] {
		if p.SequenceNumber != run[i].SequenceNumber+1 || p.Timestamp != run[i].Timestamp+960 || !p.Marker || len(p.Payload) != 120 {
			t.Fatalf("packet %d: %+v after %+v", i+1, p.Header, run[i].Header)
		}
	}
}

func TestOneKindOnly(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	for _, k := range []media.Kind{media.Video, media.Audio} {
		t.Run(k.String(), func(t *testing.T) {
			c := r.watch(wish{noAudio: k == media.Video, noVideo: k == media.Audio})
			for range 60 {
				if p := c.next(); p.kind != k {
					t.Fatalf("a packet of %s", p.kind)
				}
			}
			r.server.Close(c.id, reason.Kicked)
			r.ledger.awaitReason(t, c.id, reason.Kicked)
		})
	}
}

// Sender reports say which capture time a timestamp stands for.
func TestSenderReports(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	s := c.see()
	ssrc := c.ssrcOf(media.Video)
	for got := 0; got < 2; {
		var p rtcp.Packet
		select {
		case p = <-c.reports:
		case <-time.After(patience):
			t.Fatal("no sender report")
		}
		sr, ok := p.(*rtcp.SenderReport)
		if !ok || sr.SSRC != ssrc {
			continue
		}
		got++
		at := time.Unix(int64(sr.NTPTime>>32)-ntpEpoch, int64(sr.NTPTime&0xffffffff*1e9>>32))
		if off := time.Since(at); off < 0 || off > 5*time.Second {
			t.Fatalf("a report's wall clock is %v off", off)
		}
		// The picture that the publisher calls s.time was captured when it was
		// sent, give or take what the machine was busy.
		ticks := int64(int32(sr.RTPTime - s.timestamp))
		captured := at.Add(-time.Duration(ticks) * time.Second / 90000)
		if off := captured.Sub(s.packets[0].at); off > 50*time.Millisecond || off < -2*time.Second {
			t.Fatalf("a picture received at %v was captured %v later", s.packets[0].at, off)
		}
	}
}
