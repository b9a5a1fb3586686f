package rtc

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// studio is a publisher's session without a network: packets are handed to it,
// and what it says is read.
type studio struct {
	t     testing.TB
	s     *Server
	in    *ingest
	peer  *srtp.Context // of the publisher
	hub   *live.Hub
	at    moment
	heard chan rtcp.Packet
}

const (
	videoSSRC, rtxSSRC, soundSSRC = 1001, 1002, 1003
	videoPT, rtxPT, soundPT       = 96, 97, 111
)

func ordinaryReception() sdp.Reception {
	return sdp.Reception{
		Video: &sdp.Source{
			Format: sdp.Format{Codec: media.H264, PT: videoPT, RTXPT: rtxPT, ClockRate: 90000, Framing: sdp.FramingH264,
				NACK: true, PLI: true, TransportCC: true, Ext: sdp.Extensions{TransportCC: 5, MID: 1}},
			SSRC: videoSSRC, RTXSSRC: rtxSSRC, MID: "1",
		},
		Audio: &sdp.Source{
			Format: sdp.Format{Codec: media.Opus, PT: soundPT, ClockRate: 48000, Framing: sdp.FramingOpus, Stereo: true},
			SSRC:   soundSSRC, MID: "0",
		},
	}
}

func newStudio(t testing.TB, rec sdp.Reception, profile srtp.ProtectionProfile) *studio {
	t.Helper()
	s, err := Listen(Config{Addr: "127.0.0.1:0", Shards: 1}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	must(t, err)
	t.Cleanup(s.closeSockets)
	hub := live.NewHub(live.Options{NewPacketizer: func() live.Packetizer { return wire.New() }})
	t.Cleanup(hub.Close)
	p, err := hub.Publish(testName, "rtc", "")
	must(t, err)
	id, _, err := s.Publish(&sdp.Offer{Ufrag: "remote", Pwd: "the remote password here"}, rec, p)
	must(t, err)
	t.Cleanup(func() { s.Close(id, reason.Kicked); s.sessions.Wait() })
	st := &studio{t: t, s: s, hub: hub, in: s.ids[id].ingest, at: moment{time.Now().UnixNano(), int64(time.Second)}}
	length := gcmSaltLen
	if profile != srtp.ProtectionProfileAeadAes128Gcm {
		length = cmSaltLen
	}
	key, salt := masterKeys(length)
	sec := &secured{records: fuzzRecords(t), lastSent: []byte{22}}
	sec.in, err = newProtection(profile, key, salt, true)
	must(t, err)
	sec.out, err = newProtection(profile, key, salt, false)
	must(t, err)
	st.peer, err = srtp.CreateContext(key, salt, profile)
	must(t, err)
	open, err := srtp.CreateContext(key, salt, profile)
	must(t, err)
	sink, to := sinkOf(t, "udp4", "127.0.0.1")
	st.in.session.via.Store(s.sockets[0])
	st.in.session.path.Store(newPath(to, s.sockets[0].sixth))
	st.in.mu.Lock()
	st.in.keys = sec
	st.in.mu.Unlock()
	heard := make(chan rtcp.Packet, 1<<10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, err := sink.Read(buf)
			if err != nil {
				return
			}
			plain, err := open.DecryptRTCP(nil, buf[:n], nil)
			if err != nil {
				continue
			}
			all, err := rtcp.Unmarshal(plain)
			if err != nil {
				t.Errorf("what we say cannot be read: %v", err)
			}
			for _, p := range all {
				heard <- p
			}
		}
	}()
	t.Cleanup(func() { _ = sink.Close(); <-done })
	st.heard = heard
	return st
}

// hear waits for RTCP that is what match wants.
func (st *studio) hear(match func(rtcp.Packet) bool) rtcp.Packet {
	st.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case p := <-st.heard:
			if match(p) {
				return p
			}
		case <-limit:
			st.t.Fatal("it is not said")
		}
	}
}

// seal makes an SRTP packet.
func (st *studio) seal(p *rtp.Packet) []byte {
	st.t.Helper()
	p.Version = 2
	raw, err := p.Marshal()
	must(st.t, err)
	b, err := st.peer.EncryptRTP(nil, raw, nil)
	must(st.t, err)
	return b
}

// send hands a packet over, d after the one before.
func (st *studio) send(d time.Duration, p *rtp.Packet) bool {
	st.t.Helper()
	st.at.unix += int64(d)
	st.at.since += int64(d)
	return st.in.onRTP(st.seal(p), st.at)
}

func videoPacket(seq uint16, ts uint32, payload []byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{PayloadType: videoPT, SequenceNumber: seq, Timestamp: ts, SSRC: videoSSRC, Marker: true}, Payload: payload}
}

func slice(key bool) []byte {
	nal := append([]byte{0x41}, bytes.Repeat([]byte{7}, 500)...)
	if key {
		nal[0] = 0x65
	}
	return nal
}

// keyPicture is a key frame in one packet.
func keyPicture(t testing.TB) []byte {
	b := []byte{24}
	for _, nal := range append(realParams(t), slice(true)) {
		b = append(append(b, byte(len(nal)>>8), byte(len(nal))), nal...)
	}
	return b
}

// begin sends a key frame and a sound, and returns the log.
func (st *studio) begin() *live.Packets {
	st.t.Helper()
	if !st.send(0, videoPacket(100, 9000, keyPicture(st.t))) || !st.send(0, soundPacket(1, 5)) {
		st.t.Fatal("the first packets are refused")
	}
	r, err := st.hub.Subscribe(st.t.Context(), testName)
	must(st.t, err)
	st.t.Cleanup(r.Close)
	return r.Packets()
}

func soundPacket(seq uint16, ts uint32) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{PayloadType: soundPT, SequenceNumber: seq, Timestamp: ts, SSRC: soundSSRC}, Payload: []byte{0xfc, 1, 2}}
}

// refused is how many datagrams were refused with a word.
func (st *studio) refused(why string) int {
	st.t.Helper()
	return int(value(st.t, st.s.metrics.BadDatagrams.WithLabelValues(why)))
}

// Packets that are cut short, changed, or sent again do nothing.
func TestHostilePackets(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		st := newStudio(t, ordinaryReception(), profile)
		log := st.begin()
		head := log.Head()
		good := st.seal(videoPacket(101, 12600, slice(false)))
		for n := range len(good) {
			if st.in.onRTP(good[:n], st.at) {
				t.Fatalf("%d bytes of %d are taken", n, len(good))
			}
		}
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			if st.in.onRTP(bad, st.at) {
				t.Fatalf("it is taken with byte %d changed", i)
			}
		}
		if log.Head() != head {
			t.Fatal("the log has grown")
		}
		if !st.in.onRTP(good, st.at) || st.in.onRTP(good, st.at) {
			t.Fatal("it is not taken once")
		}
		if log.Head() != head+1 {
			t.Fatal("the log has not grown by one")
		}
		if st.in.totals.packets != 3 || st.refused(refusedSRTP) == 0 {
			t.Fatalf("%+v", st.in.totals)
		}
	}
}

// SSRCs that nobody knows of, forged or the publisher's own, take no more room
// than there is.
func TestForeignSSRCs(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	st.begin()
	dice := rand.New(rand.NewPCG(5, 6))
	b := st.seal(videoPacket(101, 12600, slice(false)))
	for range 10_000 {
		for i := 8; i < 12; i++ {
			b[i] = byte(dice.Uint32())
		}
		if st.in.onRTP(b, st.at) {
			t.Fatal("a forged packet is taken")
		}
	}
	if len(st.in.sources) != 2 {
		t.Fatalf("%d sources", len(st.in.sources))
	}
	taken := 0
	for i := range 200 {
		p := videoPacket(1, 1, slice(false))
		p.SSRC, p.PayloadType = uint32(5000+i), 35 // a payload type that was not agreed on
		if st.send(0, p) {
			taken++
		}
	}
	if taken != maxSources-2 || len(st.in.sources) != maxSources || st.refused(refusedSources) != 200-taken {
		t.Fatalf("%d taken, %d sources", taken, len(st.in.sources))
	}
	if st.in.totals.unsupported != uint64(taken) {
		t.Fatalf("%+v", st.in.totals)
	}
	if !st.send(0, videoPacket(102, 12600, slice(false))) {
		t.Fatal("the picture is not taken any more")
	}
}

// What the publisher is told when packets are missing, and what the log holds.
func TestRepairByRTX(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	log := st.begin()
	head := log.Head()
	for _, seq := range []uint16{101, 105, 106} {
		st.send(40*time.Millisecond, videoPacket(seq, 9000+uint32(seq-100)*3600, slice(false)))
	}
	nack := st.hear(func(p rtcp.Packet) bool { _, is := p.(*rtcp.TransportLayerNack); return is }).(*rtcp.TransportLayerNack)
	if nack.MediaSSRC != videoSSRC || len(nack.Nacks) != 1 || nack.Nacks[0].PacketID != 102 || nack.Nacks[0].LostPackets != 3 {
		t.Fatalf("%+v", nack)
	}
	repair := func(seq uint16, osn uint16, payload []byte) {
		p := videoPacket(seq, 9000+uint32(osn-100)*3600, append([]byte{byte(osn >> 8), byte(osn)}, payload...))
		p.SSRC, p.PayloadType = rtxSSRC, rtxPT
		if !st.send(time.Millisecond, p) {
			t.Fatal("a repeat is refused")
		}
	}
	repair(7000, 103, slice(false))
	repair(7001, 102, slice(false))
	repair(7002, 102, slice(false)) // twice
	p := videoPacket(7003, 0, nil)  // padding to find the room there is
	p.SSRC, p.PayloadType, p.Padding, p.PaddingSize = rtxSSRC, rtxPT, true, 200
	if !st.send(0, p) {
		t.Fatal("padding is refused")
	}
	var got []int64
	first := log.At(head).Seq
	for pos := head; pos < log.Head(); pos++ {
		pk := log.At(pos)
		got = append(got, pk.Seq-first)
		if !pk.Start || !pk.Marker || pk.Key || len(pk.Payload) != 501 {
			t.Fatalf("packet %+v", pk)
		}
	}
	want := []int64{0, 4, 5, 2, 1}
	if len(got) != len(want) {
		t.Fatalf("numbers %v", got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("numbers %v, want %v", got, want)
		}
	}
	y := &st.in.totals
	if y.recovered != 2 || y.duplicates != 1 || y.padding != 1 || y.nacked < 3 {
		t.Fatalf("%+v", y)
	}
	// The one that never comes is asked for again, then given up, and a key
	// frame wanted.
	for range 80 {
		st.at.since += int64(ingestTick)
		st.in.tick(st.at)
	}
	if y.lost[media.Video] != 1 || y.pli == 0 || len(st.in.tracks[media.Video].layers[0].gaps) != 0 {
		t.Fatalf("%+v", y)
	}
	st.hear(func(p rtcp.Packet) bool { _, is := p.(*rtcp.PictureLossIndication); return is })
}

// Padding on the picture's own SSRC leaves no hole in the log's numbers.
func TestPaddingIsTakenOut(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	log := st.begin()
	last := log.At(0).Seq
	for i := range uint16(300) {
		p := videoPacket(101+i, 9000+3600*uint32(i/3), slice(false))
		if i%3 == 1 {
			p.Payload, p.Padding, p.PaddingSize = nil, true, 100
		}
		if !st.send(10*time.Millisecond, p) {
			t.Fatal("a packet is refused")
		}
	}
	for pos := int64(2); pos < log.Head(); pos++ {
		if pk := log.At(pos); pk.Seq != last+1 {
			t.Fatalf("number %d follows %d", pk.Seq, last)
		} else {
			last = pk.Seq
		}
	}
	if log.Head() != 202 || st.in.totals.padding != 100 {
		t.Fatalf("%d packets, %+v", log.Head(), st.in.totals)
	}
}

// A burst of padding does not make what is repeated after it too late.
func TestRepeatAfterPadding(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	log := st.begin()
	last := log.At(0).Seq
	lost := st.seal(videoPacket(101, 12600, slice(false)))
	for i := range uint16(100) {
		p := videoPacket(102+i, 12600, nil)
		p.Padding, p.PaddingSize = true, 100
		st.send(time.Millisecond, p)
	}
	st.send(time.Millisecond, videoPacket(202, 16200, slice(false)))
	if !st.in.onRTP(lost, st.at) {
		t.Fatal("the late packet is refused")
	}
	var got []int64
	for pos := int64(2); pos < log.Head(); pos++ {
		got = append(got, log.At(pos).Seq-last)
	}
	if !slices.Equal(got, []int64{2, 1}) {
		t.Fatalf("numbers %v", got)
	}
}

// A stream whose first packet is lost around a roll-over of its numbers is read.
func TestFirstPacketAfterRollOver(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	st.seal(videoPacket(65535, 9000, slice(false))) // lost
	if !st.send(0, videoPacket(0, 9000, keyPicture(t))) || !st.send(0, videoPacket(1, 9000, slice(true))) {
		t.Fatal("packets are refused")
	}
}

// Packets that come before our end of the handshake is done are not lost.
func TestEarlyPackets(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	st.in.mu.Lock()
	keys := st.in.keys
	st.in.keys = nil
	st.in.mu.Unlock()
	st.send(0, videoPacket(100, 9000, keyPicture(t)))
	for i := range uint16(2 * maxEarly) {
		st.send(0, soundPacket(i, uint32(i)*960))
	}
	st.in.connected(keys)
	r, err := st.hub.Subscribe(t.Context(), testName)
	must(t, err)
	defer r.Close()
	if n := r.Packets().Head(); n != maxEarly {
		t.Fatalf("%d packets in the log", n)
	}
}

// A key frame without its parameter sets is no begin: another one is wanted.
func TestKeyFrameWithoutParams(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	st.send(0, videoPacket(101, 9000, slice(true)))
	st.hear(func(p rtcp.Packet) bool { _, is := p.(*rtcp.PictureLossIndication); return is })
	st.send(0, soundPacket(1, 0))
	if st.announced() {
		t.Fatal("it is announced")
	}
	st.send(500*time.Millisecond, videoPacket(102, 54000, keyPicture(t)))
	if v, _ := st.tracks(); v == nil {
		t.Fatal("no picture is announced")
	}
}

// Transport-wide feedback, reports and the rate are told in time.
func TestFeedbackIsTold(t *testing.T) {
	rec := ordinaryReception()
	st := newStudio(t, rec, srtp.ProtectionProfileAeadAes128Gcm)
	st.begin()
	for i := range uint16(60) {
		p := videoPacket(101+i, 9000+3600*uint32(i+1), slice(false))
		must(t, p.SetExtension(5, []byte{byte((500 + i) >> 8), byte(500 + i)}))
		st.send(20*time.Millisecond, p)
		st.in.tick(st.at)
	}
	cc := st.hear(func(p rtcp.Packet) bool { _, is := p.(*rtcp.TransportLayerCC); return is }).(*rtcp.TransportLayerCC)
	if cc.BaseSequenceNumber != 500 || cc.PacketStatusCount == 0 {
		t.Fatalf("%+v", cc)
	}
	st.hear(func(p rtcp.Packet) bool {
		rr, is := p.(*rtcp.ReceiverReport)
		if !is || len(rr.Reports) != 2 {
			return false
		}
		v := rr.Reports[0]
		return v.SSRC == videoSSRC && v.FractionLost == 0 && v.LastSequenceNumber > 100
	})
}

// A publisher without transport-wide numbers is told a rate, less when much is lost.
func TestRateIsTold(t *testing.T) {
	rec := ordinaryReception()
	rec.Video.Ext.TransportCC, rec.Video.TransportCC, rec.Video.REMB, rec.Video.PLI, rec.Video.FIR = 0, false, true, false, true
	st := newStudio(t, rec, srtp.ProtectionProfileAeadAes128Gcm)
	st.begin()
	rate := func(drop bool) float32 {
		for i := range 60 {
			st.at.since += int64(20 * time.Millisecond)
			seq := uint16(st.in.tracks[media.Video].layers[0].have.next)
			if drop && i%3 == 0 {
				seq++
			}
			st.send(0, videoPacket(seq, uint32(st.at.since/1e6)*90, slice(false)))
			st.in.tick(st.at)
		}
		return st.hear(func(p rtcp.Packet) bool { _, is := p.(*rtcp.ReceiverEstimatedMaximumBitrate); return is }).(*rtcp.ReceiverEstimatedMaximumBitrate).Bitrate
	}
	if got := rate(false); got < plentyBandwidth*0.99 {
		t.Fatalf("%v bit/s", got)
	}
	rate(true)
	if got := rate(true); got >= plentyBandwidth/2 {
		t.Fatalf("%v bit/s although a quarter is lost", got)
	}
	st.hear(func(p rtcp.Packet) bool {
		fir, is := p.(*rtcp.FullIntraRequest)
		return is && fir.MediaSSRC == 0 && len(fir.FIR) == 1 && fir.FIR[0].SSRC == videoSSRC
	})
}

// everything is a reception with all that can be negotiated.
func everything() sdp.Reception {
	rec := ordinaryReception()
	rec.Video.BFrames, rec.Video.SSRC, rec.Video.RTXSSRC = true, 0, 0
	rec.Video.Ext = sdp.Extensions{TransportCC: 5, MID: 1, RID: 2, RepairedRID: 3, CompositionTime: 4, AbsCaptureTime: 6}
	return rec
}
