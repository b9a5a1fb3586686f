package rtc

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// A NACK is answered on the RTX stream.
func TestNACK(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	ssrc := c.ssrcOf(media.Video)
	want := c.takes(media.Video, 30)
	lost := []uint16{want[3].SequenceNumber, want[4].SequenceNumber, want[29].SequenceNumber}
	c.send(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)})
	for _, i := range []int{3, 4, 29} {
		c.repeats(want[i])
	}
	if n := value(t, r.metrics.Repairs[answered]); n != 3 {
		t.Fatalf("%v packets were resent, want 3", n)
	}
}

// repeats waits for a repeat and compares it with the packet itself.
func (c *client) repeats(want received) {
	c.t.Helper()
	for {
		p := c.next()
		if !p.rtx {
			continue
		}
		if p.SequenceNumber != want.SequenceNumber || p.Timestamp != want.Timestamp || p.Marker != want.Marker ||
			!bytes.Equal(p.Payload, want.Payload) {
			c.t.Fatalf("repeat %+v, want %+v", p.Header, want.Header)
		}
		return
	}
}

// Packets that the network loses are asked for and come.
func TestLoss(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	rel := newRelay(t, r.server.Addr())
	n := 0
	rel.let(serial(func(toServer bool, b []byte) bool {
		if toServer || !isRTP(b) || b[1]&0x7f == 111 {
			return true
		}
		n++
		return n%7 != 3
	}))
	c := r.watch(wish{reply: rel.instead})
	ssrc := c.ssrcOf(media.Video)
	last, missing, repaired := c.nextOf(media.Video), map[uint16]bool{}, 0
	for repaired < 20 {
		p := c.next()
		switch {
		case p.kind == media.Audio:
		case p.rtx:
			if missing[p.SequenceNumber] {
				delete(missing, p.SequenceNumber)
				repaired++
			}
		default:
			var lost []uint16
			for s := last.SequenceNumber + 1; s != p.SequenceNumber; s++ {
				missing[s] = true
				lost = append(lost, s)
			}
			if lost != nil {
				c.send(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)})
			}
			last = p
		}
	}
}

// Requests for what was never sent, or for nobody's stream, do nothing.
func TestSenselessNACK(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	ssrc := c.ssrcOf(media.Video)
	first := c.nextOf(media.Video)
	c.send(
		&rtcp.TransportLayerNack{MediaSSRC: ssrc + 2, Nacks: []rtcp.NackPair{{PacketID: first.SequenceNumber}}},
		&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: first.SequenceNumber - 20, LostPackets: 3}}},
		&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: first.SequenceNumber}}},
	)
	c.repeats(first)
	if n := value(t, r.metrics.Repairs[answered]); n != 1 {
		t.Fatalf("%v packets were resent, want 1", n)
	}
}

// A viewer that asks for everything again and again gets no more than a share,
// and its requests do not pile up.
func TestNACKFlood(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Shards: 1})
	pr := ordinary
	pr.past, pr.delta = 900*time.Millisecond, 60_000
	r.broadcast(testName, pr)
	c := r.watch(wish{})
	ssrc := c.ssrcOf(media.Video)
	first := c.nextOf(media.Video)
	sh := r.session(c.id).viewer.shard
	var all []uint16
	for i := range uint16(1000) {
		all = append(all, first.SequenceNumber+i)
	}
	flood := &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(all)}
	for range 300 {
		c.send(flood)
		sh.mu.Lock()
		waits := max(len(sh.inbox), len(sh.nacks))
		sh.mu.Unlock()
		if waits > maxInbox {
			t.Fatalf("%d requests wait", waits)
		}
	}
	for !c.next().rtx { // the first ones may come before the client listens for them
	}
	c.takes(media.Video, 100)
	sent, resent := value(t, r.metrics.Packets), value(t, r.metrics.Resent)
	if most := repairMost*sent + repairLeast/1000; resent > most { // all packets are of more than 1,000 bytes
		t.Fatalf("%v of %v packets were sent again, want at most %v", resent, sent, most)
	}
	if value(t, r.metrics.Repairs[guarded])+value(t, r.metrics.Repairs[exhausted]) == 0 {
		t.Fatal("nothing was refused")
	}
}

// A PLI soon after the join brings the newest key frame once more.
func TestPLI(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, program{video: testVideo, audio: testOpus, key: 20_000, delta: 1000})
	c := r.watch(wish{})
	ssrc := c.ssrcOf(media.Video)
	first := c.see()
	was := first
	for range 5 {
		s := c.see()
		checkContiguous(t, was, s, pictureEvery)
		was = s
	}
	c.send(&rtcp.PictureLossIndication{MediaSSRC: ssrc})
	for {
		s := c.see()
		if got, want := s.packets[0].SequenceNumber, was.packets[len(was.packets)-1].SequenceNumber+1; got != want {
			t.Fatalf("number %d follows %d", got, want-1)
		}
		was = s
		if s.key {
			break
		}
	}
	if was.time != first.time || was.timestamp != first.timestamp {
		t.Fatalf("the replay shows %v under %d, first was %v under %d", was.time, was.timestamp, first.time, first.timestamp)
	}
	for range 20 { // and what follows it
		s := c.see()
		checkContiguous(t, was, s, pictureEvery)
		was = s
	}
	if n := value(t, r.metrics.PLI); n != 1 {
		t.Fatalf("%v key frame requests, want 1", n)
	}
}

// The round trip is known from receiver reports.
func TestReceiverReport(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	ssrc := c.ssrcOf(media.Video)
	v, limit := r.session(c.id).viewer, time.After(patience)
	for !v.reported.Load() { // a report that a busy machine answers late counts for nothing
		select {
		case p := <-c.reports:
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == ssrc {
				c.send(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{
					SSRC: ssrc, LastSenderReport: uint32(sr.NTPTime >> 16), TotalLost: 3, Delay: 0,
				}}})
			}
		case <-c.media:
		case <-limit:
			t.Fatal("no report is taken")
		}
	}
	if rtt := time.Duration(v.rtt.Load()); rtt <= 0 || rtt > rttMost || v.lost.Load() != 3 {
		t.Fatalf("round trip %v, lost %d", rtt, v.lost.Load())
	}
}

// The wall clock may be set back by any time: repairs and catching up go on.
func TestClockIsSetBack(t *testing.T) {
	now := time.Now().UnixNano()
	var a repairs
	idle := &viewer{session: &session{}}
	a.fill(idle, now, 0)
	a.fill(idle, now-int64(time.Hour), 0)
	if a.left < repairLeast {
		t.Fatalf("%v bytes are left", a.left)
	}

	b := newBench(t, SendAuto)
	b.write(0, true, 50_000)
	b.write(pictureEvery, false, 50_000)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	if v.phase != catchUp {
		t.Fatalf("phase %d", v.phase)
	}
	const back = -time.Hour
	b.turn(back)
	b.turn(back + time.Second)
	if v.phase != liveEdge {
		t.Fatalf("phase %d after a second", v.phase)
	}
}
