package live

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// gluer is an Assembler for whole packets in order: each run of one Time that
// ends in a Marker is a frame.
type gluer struct {
	video, audio *media.Track
	data         []byte
	keyed, lost  bool
	next         int64
}

func newGluer(video, audio *media.Track) Assembler { return &gluer{video: video, audio: audio} }

func (g *gluer) Assemble(pk *media.Packet) []*media.Frame {
	f := &media.Frame{
		Track: g.audio, DTS: pk.Time, PTS: pk.Time.Add(time.Duration(pk.Composition)), Key: true,
		Capture: pk.Capture, Arrived: pk.Arrived, Discontinuity: pk.Discontinuity, Data: pk.Payload,
	}
	if pk.Kind == media.Audio {
		return []*media.Frame{f}
	}
	if g.next != 0 && pk.Seq != g.next && g.keyed {
		g.keyed, g.lost = false, true
	}
	g.next = pk.Seq + 1
	if pk.Start {
		g.data = nil
		g.keyed = g.keyed || pk.Key
	}
	g.data = append(g.data, pk.Payload...)
	if !g.keyed || !pk.Marker {
		return nil
	}
	f.Track, f.Key, f.Data = g.video, pk.Key, g.data
	return []*media.Frame{f}
}

func (g *gluer) Lost() bool {
	lost := g.lost
	g.lost = false
	return lost
}

// sender makes a publisher's packets: pictures of three packets, sound of one.
type sender struct {
	t   testing.TB
	p   *Publisher
	seq [2]int64
}

func (s *sender) picture(at time.Duration, key bool) []*media.Packet {
	var run []*media.Packet
	for i := range 3 {
		run = append(run, &media.Packet{
			Seq: s.seq[media.Video], Time: media.Time(at), Kind: media.Video, Codec: media.H264,
			Payload: []byte{byte(at / time.Millisecond), byte(i)}, Key: key, Start: i == 0, Marker: i == 2,
		})
		s.seq[media.Video]++
	}
	return run
}

func (s *sender) sound(at time.Duration) []*media.Packet {
	s.seq[media.Audio]++
	return []*media.Packet{{
		Seq: s.seq[media.Audio] - 1, Time: media.Time(at), Kind: media.Audio, Codec: media.Opus,
		Payload: []byte{byte(at / time.Millisecond)}, Start: true, Marker: true,
	}}
}

func (s *sender) send(runs ...[]*media.Packet) {
	s.t.Helper()
	for _, pk := range slices.Concat(runs...) {
		if err := s.p.WritePacket(pk); err != nil {
			s.t.Fatalf("write packet: %v", err)
		}
	}
}

func packetHub(t testing.TB, o Options) *Hub {
	o.NewAssembler = newGluer
	return newTestHub(t, o)
}

// video returns the numbers of the pictures' packets in the log, in its order.
func numbers(p *Packets, kind media.Kind) (seqs []int64) {
	for at := p.log.tail.Load(); at < p.Head(); at++ {
		if pk := p.At(at); pk.Kind == kind {
			seqs = append(seqs, pk.Seq)
		}
	}
	return seqs
}

func TestPacketsStandInArrivalOrder(t *testing.T) {
	h := packetHub(t, Options{})
	s := &sender{t: t, p: publishTracks(t, h, testName), seq: [2]int64{700, 9}}
	r := subscribe(t, h, testName)
	packets := r.Packets()
	first, second := s.picture(0, true), s.picture(40*time.Millisecond, false)
	s.send(first[1:2], first[:1], second[:1], first[2:], second[2:], second[1:2]) // nothing is held back
	got := numbers(packets, media.Video)
	base := got[1]
	if want := []int64{base + 1, base, base + 3, base + 2, base + 5, base + 4}; !slices.Equal(got, want) {
		t.Errorf("numbers %v, want %v", got, want)
	}
	if pk := packets.BySeq(media.Video, base+2); pk != first[2] {
		t.Errorf("number %d is %v", base+2, pk)
	}
	s.send([]*media.Packet{{Seq: 702, Kind: media.Video, Payload: []byte("twice")}})
	s.send([]*media.Packet{{Seq: 700 - videoIndexSize, Kind: media.Video, Payload: []byte("ages ago")}})
	if after := numbers(packets, media.Video); len(after) != 6 {
		t.Errorf("a duplicate and one that is too old to tell were taken: %v", after)
	}
	if d := s.p.dropped; d[reason.Duplicate] != 1 || d[reason.Late] != 1 {
		t.Errorf("counted %v", d)
	}
}

// Readers of frames get what the packets hold, from the newest key frame on, and
// frames are made only while they read.
func TestFramesAreDerivedWhileRead(t *testing.T) {
	h := packetHub(t, Options{})
	s := &sender{t: t, p: publishTracks(t, h, testName)}
	s.send(s.picture(0, true), s.sound(0), s.picture(40*time.Millisecond, false))
	if got := s.p.stream.frames.head.Load(); got != 0 {
		t.Errorf("%d frames were made for nobody", got)
	}
	s.send(s.picture(80*time.Millisecond, true), s.sound(80*time.Millisecond))
	for round := range 2 {
		r, err := h.Subscribe(t.Context(), testName)
		if err != nil {
			t.Fatal(err)
		}
		if f := next(t, r); !f.Key || f.Track != testVideo || len(f.Data) != 6 || f.Data[0] != 80 {
			t.Errorf("round %d begins with %+v", round, f)
		}
		if f := next(t, r); f.Track != testAudio || f.Data[0] != 80 {
			t.Errorf("round %d goes on with %+v", round, f)
		}
		if round == 0 {
			r.Close()
			if s.p.stream.assembler != nil || s.p.stream.frames.head.Load() != 0 {
				t.Error("frames are still made after the last reader has gone")
			}
			continue
		}
		s.send(s.picture(120*time.Millisecond, false))
		if f := next(t, r); f.Key || f.Data[0] != 120 {
			t.Errorf("what came later is %+v", f)
		}
		r.Close()
	}
}

// A publisher of frames after one of packets, and the other way round: readers
// of both views stay, numbers and times go on.
func TestPublishersOfBothKindsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := packetHub(t, Options{})
		s := &sender{t: t, p: publishTracks(t, h, testName)}
		fast, slow := subscribe(t, h, testName), subscribe(t, h, testName)
		packets := fast.Packets()
		s.send(s.picture(0, true), s.sound(0))
		next(t, slow)
		last := next(t, slow).DTS
		s.p.Close(reason.ClosedByPeer)

		pass(time.Second)
		rtmp := publishTracks(t, h, testName)
		write(t, rtmp, picture(time.Hour, true), sound(time.Hour))
		if f := next(t, slow); !f.Key || !f.Discontinuity || f.DTS.Sub(last) != time.Second {
			t.Errorf("the publisher of frames begins with %+v, %v after", f, f.DTS.Sub(last))
		}
		next(t, slow)
		rtmp.Close(reason.ClosedByPeer)

		pass(time.Second)
		again := &sender{t: t, p: publish(t, h, testName), seq: [2]int64{50, 50}}
		again.send(again.sound(7*time.Second), again.picture(7*time.Second, false)) // the picture is nobody's to decode
		if f, _ := poll(slow); f != nil {
			t.Errorf("a frame of tracks that nobody knows: %+v", f)
		}
		again.p.Announce(testVideo, testAudio)
		again.send(again.picture(8*time.Second, true))
		if f := next(t, slow); f.Track != testAudio || !f.Discontinuity || f.DTS.Sub(last) != 2*time.Second {
			t.Errorf("sound goes on with %+v, %v after", f, f.DTS.Sub(last))
		}
		if f := next(t, slow); f.Track != testVideo || !f.Discontinuity || !f.Key {
			t.Errorf("pictures go on with %+v", f)
		}
		got := numbers(packets, media.Video)
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1]+1 {
				t.Fatalf("numbers of pictures %v have a gap or run back", got)
			}
		}
		if len(got) != 9 {
			t.Errorf("%d packets of pictures, want 9", len(got))
		}
	})
}

func TestKeyFrameRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := packetHub(t, Options{})
		p := publish(t, h, testName)
		asked := 0
		p.OnKeyRequest(func() { asked++ })
		p.Announce(testVideo, testAudio)
		r := subscribe(t, h, testName)
		for range 10 {
			if !r.RequestKey() {
				t.Fatal("the publisher cannot be asked")
			}
			pass(100 * time.Millisecond)
		}
		if asked != 2 {
			t.Errorf("asked %d times in a second, want 2", asked)
		}
		s := &sender{t: t, p: p}
		s.send(s.picture(0, true))
		next(t, r)
		s.send(s.picture(40*time.Millisecond, false)[1:]) // the first packet is lost
		if asked != 3 {
			t.Errorf("asked %d times after a loss, want 3", asked)
		}
		r.Close()

		// A late reader of a long group of pictures waits for a new one.
		pass(3 * time.Second)
		s.send(s.picture(3*time.Second, false))
		late := subscribe(t, h, testName)
		if f, _ := poll(late); f != nil || asked != 4 {
			t.Errorf("a late reader begins with %v, asked %d times; want nothing and 4", f, asked)
		}
		s.send(s.picture(3100*time.Millisecond, true))
		if f := next(t, late); !f.Key {
			t.Errorf("it begins with %+v", f)
		}
		p.Close(reason.ClosedByPeer)
		if late.RequestKey() {
			t.Error("a publisher that is gone can be asked")
		}
	})
}

// A publisher that never sends a key frame by itself keeps a short log.
func TestLogOfOneLongGroupOfPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := packetHub(t, Options{})
		p := publish(t, h, testName)
		p.OnKeyRequest(func() {})
		p.Announce(testVideo, nil)
		s := &sender{t: t, p: p}
		s.send(s.picture(0, true))
		for at := 40 * time.Millisecond; at < 30*time.Second; at += 40 * time.Millisecond {
			pass(40 * time.Millisecond)
			s.send(s.picture(at, false))
		}
		packets := p.stream.packets
		oldest := packets.At(packets.log.tail.Load())
		if age := time.Duration(time.Now().UnixNano() - oldest.Arrived); age > askedAge {
			t.Errorf("the oldest packet is %v old", age)
		}
		if packets.NewestKey() != -1 {
			t.Error("a key frame that is gone is still known")
		}
	})
}

// A publisher that agrees to give key frames when asked, and does not, is taken
// for one that cannot be asked: nobody waits for it, and the log keeps its groups
// of pictures.
func TestRequestsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := packetHub(t, Options{})
		p := publish(t, h, testName)
		asked := 0
		p.OnKeyRequest(func() { asked++ })
		p.Announce(testVideo, nil)
		s, at := &sender{t: t, p: p}, time.Duration(0)
		s.send(s.picture(0, true))
		runs := func(d time.Duration) {
			for end := at + d; at < end; {
				pass(40 * time.Millisecond)
				at += 40 * time.Millisecond
				s.send(s.picture(at, false))
			}
		}
		r := subscribe(t, h, testName)
		runs(time.Second)
		if !r.RequestKey() {
			t.Fatal("it counts as heedless before it was asked")
		}
		runs(2 * time.Second)
		if r.RequestKey() || asked != 2 {
			t.Fatalf("it counts as heeding, asked %d times", asked)
		}
		runs(9 * time.Second)
		if p.stream.packets.NewestKey() < 0 {
			t.Error("the key frame is gone")
		}
		late := subscribe(t, h, testName)
		if f := next(t, late); !f.Key {
			t.Errorf("a late reader begins with %+v", f)
		}
		// One that comes late answers nothing; one that comes soon does.
		s.send(s.picture(at, true))
		if r.RequestKey() {
			t.Error("a key frame in turn counts as an answer")
		}
		runs(200 * time.Millisecond)
		s.send(s.picture(at, true))
		if !r.RequestKey() {
			t.Error("it counts as heedless after an answer")
		}
	})
}
