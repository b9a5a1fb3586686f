package rtc

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// angle is one simulcast layer of a camera.
type angle struct {
	rid   string
	width int
	track *webrtc.TrackLocalStaticRTP
	seq   uint16

	mu  sync.Mutex
	off bool
}

func (a *angle) set(off bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = off
}

func (a *angle) is() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.off
}

// angles makes a camera that films VP8 in layers of several widths.
func (r *room) angles(widths ...int) (*camera, []*angle) {
	r.t.Helper()
	var all []*angle
	cam := r.film(lens{noVideo: true, prepare: func(c *camera) {
		var sender *webrtc.RTPSender
		for i, w := range widths {
			rid := string(rune('a' + i))
			track, err := webrtc.NewTrackLocalStaticRTP(
				webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
			must(r.t, err)
			all = append(all, &angle{rid: rid, width: w, track: track})
			if sender != nil {
				must(r.t, sender.AddEncoding(track))
				continue
			}
			tr, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			must(r.t, err)
			sender = tr.Sender()
		}
		for _, a := range all {
			go c.listenSimulcast(sender, a.rid)
		}
	}, codecs: onlyVP8})
	return cam, all
}

func onlyVP8(me *webrtc.MediaEngine) error {
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}}, webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	fb := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: fb}}, webrtc.RTPCodecTypeVideo); err != nil {
		return err
	}
	for _, uri := range []string{"urn:ietf:params:rtp-hdrext:sdes:mid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"} {
		if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}

func (c *camera) listenSimulcast(s *webrtc.RTPSender, rid string) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := s.ReadSimulcast(buf, rid); err != nil {
			return
		}
	}
}

// vp8 is a picture of one packet.
func vp8(key bool, width int) []byte {
	b := []byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a, byte(width), byte(width >> 8), 100, 0}
	if key {
		b[1] = 0x10
	}
	return append(append(b, byte(width), byte(width>>8)), make([]byte, 100)...)
}

// widthOf is the layer that a picture of vp8 came from.
func widthOf(payload []byte) int { return int(payload[11]) | int(payload[12])<<8 }

// rollLayers films all layers that are on, with a key frame each second.
func (c *camera) rollLayers(all []*angle) (cut func()) {
	c.await(webrtc.PeerConnectionStateConnected)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pictureEvery)
		defer tick.Stop()
		for i := 0; ; i++ {
			for n, a := range all {
				if a.is() {
					continue
				}
				p := &rtp.Packet{
					Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: a.seq, Timestamp: uint32(i*3600 + n*1_000_000)},
					Payload: vp8(i%25 == 5*n, a.width),
				}
				a.seq++
				// The ids are those that the reference gives in order of registration.
				_ = p.SetExtension(1, []byte("1"))
				_ = p.SetExtension(2, []byte(a.rid))
				_ = a.track.WriteRTP(p)
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	cut = sync.OnceFunc(func() { close(stop); <-done })
	c.t.Cleanup(cut)
	return cut
}

// logReader walks a stream's packets log.
type logReader struct {
	t    testing.TB
	log  *live.Packets
	pos  int64
	wake chan struct{}
}

func (r *room) logOf(name live.Name) *logReader {
	r.t.Helper()
	l := &logReader{t: r.t, log: r.ready(name).Packets(), wake: make(chan struct{}, 1)}
	l.log.Watch(l.wake)
	l.pos = l.log.Start()
	return l
}

// next returns the next packet of a kind.
func (l *logReader) next(k media.Kind) *media.Packet {
	l.t.Helper()
	limit := time.After(patience)
	for {
		for l.pos < l.log.Head() {
			pk := l.log.At(l.pos)
			l.pos++
			if pk != nil && pk.Kind == k {
				return pk
			}
		}
		select {
		case <-l.wake:
		case <-limit:
			l.t.Fatal("the log does not grow")
		}
	}
}

// The largest layer is forwarded; when it stops, the next one, and back again,
// each at a key frame and without a gap.
func TestPublishSimulcast(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	widths := []int{160, 320, 640}
	cam, all := r.angles(widths...)
	cam.rollLayers(all)
	l := r.logOf(testName)
	var was *media.Packet
	until := func(width int) {
		t.Helper()
		for {
			pk := l.next(media.Video)
			if was != nil {
				if pk.Seq != was.Seq+1 || pk.Time <= was.Time {
					t.Fatalf("number %d at %v follows %d at %v", pk.Seq, pk.Time, was.Seq, was.Time)
				}
				if widthOf(pk.Payload) != widthOf(was.Payload) && !(pk.Key && pk.Start) {
					t.Fatal("the layer changes within a group of pictures")
				}
			}
			if !slices.Contains(widths, widthOf(pk.Payload)) {
				t.Fatalf("a picture of width %d", widthOf(pk.Payload))
			}
			if was = pk; widthOf(pk.Payload) == width {
				return
			}
		}
	}
	until(640)
	all[2].set(true)
	until(320)
	all[1].set(true)
	until(160)
	all[1].set(false)
	all[2].set(false)
	until(640)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	if line["layers"].Int64() != 3 || line["layer_packets"].Uint64() == 0 || line["lost"].Uint64() != 0 {
		t.Fatalf("closing line: %v", line)
	}
}

// A smaller layer stands beside the largest while somebody wants it, from a key
// frame on, with numbers of its own; when the largest stops, it takes its place.
func TestPublishLayersBeside(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	cam, all := r.angles(160, 320, 640)
	cam.rollLayers(all)
	l := r.logOf(testName)
	for len(l.log.Ladder()) < 3 || l.log.Ladder()[2].Width != 640 {
		l.next(media.Video)
	}
	ladder := l.log.Ladder()
	if ladder[2].Layer != 0 || ladder[2].Width != 640 || ladder[0].Layer != 1 || ladder[0].Width != 160 || ladder[1].Layer != 2 {
		t.Fatalf("ladder %+v", ladder)
	}
	const layer = 1
	l.log.Want(layer, 1)
	var was *media.Packet
	for n := 0; n < 20; {
		pk := l.next(media.Video)
		if pk.Layer == 0 {
			continue
		}
		if pk.Layer != layer || widthOf(pk.Payload) != 160 || live.LayerOf(pk.Seq) != layer {
			t.Fatalf("layer %d, width %d, number %d", pk.Layer, widthOf(pk.Payload), pk.Seq)
		}
		if was == nil && !(pk.Key && pk.Start) {
			t.Fatal("the layer begins within a group of pictures")
		}
		if was != nil && (pk.Seq != was.Seq+1 || pk.Time <= was.Time) {
			t.Fatalf("number %d at %v follows %d at %v", pk.Seq, pk.Time, was.Seq, was.Time)
		}
		was = pk
		n++
	}
	if pk := l.log.At(l.log.NewestKeyOf(layer)); pk == nil || pk.Layer != layer || l.log.BySeq(media.Video, pk.Seq) != pk {
		t.Fatalf("newest key %+v", pk)
	}
	all[1].set(true)
	all[2].set(true)
	for pk := l.next(media.Video); pk.Layer != 0 || widthOf(pk.Payload) != 160; pk = l.next(media.Video) {
	}
	l.log.Want(layer, -1)
}
