package rtc

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// camera is a publisher made of the reference implementation.
type camera struct {
	t      testing.TB
	room   *room
	pc     *webrtc.PeerConnection
	id     string
	offer  string
	live   *live.Publisher
	video  *webrtc.TrackLocalStaticRTP
	audio  *webrtc.TrackLocalStaticRTP
	told   chan rtcp.Packet // what the server says about the video
	asks   chan struct{}    // a key frame was asked for
	states chan webrtc.PeerConnectionState
}

// lens says what is special about a camera.
type lens struct {
	name    live.Name
	plain   bool // no interceptors: the test repairs and reports
	noVideo bool
	noAudio bool
	tcp     bool
	codecs  func(*webrtc.MediaEngine) error
	mime    string // of the video
	setting func(*webrtc.SettingEngine)
	extend  func(*interceptor.Registry)
	prepare func(*camera) // adds tracks
	offer   func(string) string
	reply   func(string) string
}

// film makes a publisher connect.
func (r *room) film(l lens) *camera {
	r.t.Helper()
	if l.name == (live.Name{}) {
		l.name = testName
	}
	c := &camera{
		t: r.t, room: r, told: make(chan rtcp.Packet, 1<<12), asks: make(chan struct{}, 1<<10),
		states: make(chan webrtc.PeerConnectionState, 16),
	}
	me := &webrtc.MediaEngine{}
	if l.codecs == nil {
		l.codecs = func(me *webrtc.MediaEngine) error { return me.RegisterDefaultCodecs() }
	}
	must(r.t, l.codecs(me))
	registry := &interceptor.Registry{}
	if l.extend != nil { // before what numbers the packets
		l.extend(registry)
	}
	if !l.plain {
		must(r.t, webrtc.ConfigureNack(me, registry))
		must(r.t, webrtc.ConfigureRTCPReports(registry))
		me.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, webrtc.RTPCodecTypeVideo)
		me.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, webrtc.RTPCodecTypeAudio)
		must(r.t, webrtc.ConfigureTWCCHeaderExtensionSender(me, registry))
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if l.tcp {
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	if l.setting != nil {
		l.setting(&se)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(me), webrtc.WithSettingEngine(se), webrtc.WithInterceptorRegistry(registry))
	var err error
	c.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	must(r.t, err)
	r.t.Cleanup(func() { _ = c.pc.GracefulClose() })
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { c.states <- s })
	sendOnly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	if !l.noAudio {
		c.audio, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
		must(r.t, err)
		_, err = c.pc.AddTransceiverFromTrack(c.audio, sendOnly)
		must(r.t, err)
	}
	if !l.noVideo {
		if l.mime == "" {
			l.mime = webrtc.MimeTypeH264
		}
		c.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: l.mime}, "v", "s")
		must(r.t, err)
		tr, err := c.pc.AddTransceiverFromTrack(c.video, sendOnly)
		must(r.t, err)
		go c.listen(tr.Sender())
	}
	if l.prepare != nil {
		l.prepare(c)
	}
	c.connect(l)
	return c
}

// connect negotiates with the server.
func (c *camera) connect(l lens) {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	must(c.t, err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	must(c.t, c.pc.SetLocalDescription(offer))
	<-gathered
	c.offer = c.pc.LocalDescription().SDP
	if l.offer != nil {
		c.offer = l.offer(c.offer)
	}
	var answer string
	c.id, answer, err = c.room.publish(c, l.name, c.offer)
	must(c.t, err)
	if l.reply != nil {
		answer = l.reply(answer)
	}
	must(c.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

// publish answers a publisher's offer.
func (r *room) publish(c *camera, name live.Name, body string) (id, answer string, err error) {
	r.t.Helper()
	offer, err := sdp.ParseOffer(body)
	must(r.t, err)
	rec, err := offer.SelectPublish(sdp.Ingest{Carried: true})
	must(r.t, err)
	p, err := r.hub.Publish(name, "rtc", "")
	must(r.t, err)
	c.live = p
	id, tr, err := r.server.Publish(offer, rec, p)
	if err != nil {
		p.Close(reason.Limit)
		return "", "", err
	}
	return id, offer.AnswerPublish(rec, tr), nil
}

// listen takes what the server says until the connection closes.
func (c *camera) listen(s *webrtc.RTPSender) {
	for {
		all, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range all {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				c.asks <- struct{}{}
			}
			select {
			case c.told <- p:
			default:
			}
		}
	}
}

// await waits for a state of the connection.
func (c *camera) await(want webrtc.PeerConnectionState) {
	c.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-c.states:
			if s == want {
				return
			}
		case <-limit:
			c.t.Fatalf("the connection does not become %s", want)
		}
	}
}

// realParams are parameter sets of a real encoder.
func realParams(t testing.TB) [][]byte {
	t.Helper()
	src, err := encodePlain()
	must(t, err)
	return src.video.Params
}

// shot is how a camera films: pictures and sound in real time.
type shot struct {
	gop        int // 0: a key frame when asked
	key, delta int
}

// roll sends pictures and sound until the test, or the result, ends it.
func (c *camera) roll(s shot) (cut func()) {
	c.await(webrtc.PeerConnectionStateConnected)
	track := *testVideo
	track.Params = realParams(c.t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		cutter := wire.New()
		tick := time.NewTicker(soundEvery)
		defer tick.Stop()
		began, at, i, waiting := time.Now(), time.Duration(0), 0, true
		for {
			for time.Since(began) >= at {
				if c.audio != nil {
					f := sound(testOpus, at)
					c.write(c.audio, cutter.Packetize(f), 48000)
				}
				if c.video != nil && at%pictureEvery == 0 {
					select {
					case <-c.asks:
						waiting = true
					default:
					}
					key := s.gop > 0 && i%s.gop == 0 || s.gop == 0 && (i == 0 || waiting)
					size := s.delta
					if key {
						size, waiting = s.key, false
					}
					f := picture(at, key, size)
					f.Track = &track
					c.write(c.video, cutter.Packetize(f), 90000)
					i++
				}
				at += soundEvery
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

func (c *camera) write(to *webrtc.TrackLocalStaticRTP, pieces []media.Packet, rate int64) {
	for i := range pieces {
		pk := &pieces[i]
		_ = to.WriteRTP(&rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: pk.Marker, SequenceNumber: uint16(pk.Seq), Timestamp: uint32(pk.Time.Units(rate)) + 12345,
			},
			Payload: pk.Payload,
		})
	}
}

var handheld = shot{gop: 25, key: 20_000, delta: 4000}

// ready waits until the stream can be read.
func (r *room) ready(name live.Name) *live.Reader {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	reader, err := r.hub.Subscribe(ctx, name)
	must(r.t, err)
	r.t.Cleanup(reader.Close)
	return reader
}

// A publisher's pictures and sounds reach viewers as they are.
func TestPublish(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	cam := r.film(lens{})
	cam.roll(handheld)
	reader := r.ready(testName)
	video, audio := reader.Tracks()
	if video == nil || video.Codec != media.H264 || video.Width != 320 || video.Height != 180 || len(video.Params) != 2 {
		t.Fatalf("video %+v", video)
	}
	if audio == nil || audio.Codec != media.Opus || audio.SampleRate != 48000 || audio.Channels != 2 {
		t.Fatalf("audio %+v", audio)
	}
	c := r.watch(wish{})
	c.sorts = true // what came while the publisher's handshake ended may be out of order
	was := c.see()
	if !was.key {
		t.Fatal("the first frame is no key frame")
	}
	for range 60 {
		s := c.see()
		if s.time != was.time+pictureEvery || s.packets[0].SequenceNumber != was.packets[len(was.packets)-1].SequenceNumber+1 {
			t.Fatalf("picture %v, number %d, follows %v", s.time, s.packets[0].SequenceNumber, was.time)
		}
		if d := int32(s.timestamp-was.timestamp) - 3600; d < -180 || d > 180 { // slewed by a twentieth at most
			t.Fatalf("%d ticks after the picture before", s.timestamp-was.timestamp)
		}
		was = s
	}
	c.takes(media.Audio, 20)
	must(t, cam.pc.Close())
	line := r.ledger.awaitReason(t, cam.id, reason.ClosedByPeer)
	if line["packets"].Uint64() < 60*4 || line["lost"].Uint64() != 0 || line["peer"].String() == "" {
		t.Fatalf("closing line: %v", line)
	}
	<-cam.live.Done()
}

// Publishers that want to be the DTLS server, over TCP, or without GCM.
func TestPublishOtherways(t *testing.T) {
	for name, l := range map[string]lens{
		"passive": {offer: func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }},
		"tcp":     {tcp: true},
		"cm":      {setting: withoutGCM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, Config{})
			cam := r.film(l)
			cam.roll(handheld)
			r.ready(testName)
			c := r.watch(wish{})
			was, leapt := c.see(), false
			for range 20 {
				s := c.see()
				leaps := s.key && s.time > was.time+pictureEvery && !leapt // who catches up goes on at a newer key frame
				if s.time != was.time+pictureEvery && !leaps {
					t.Fatalf("picture %v follows %v", s.time, was.time)
				}
				was, leapt = s, leapt || leaps
			}
			c.takes(media.Audio, 10)
			r.server.Close(cam.id, reason.Kicked)
			cam.await(webrtc.PeerConnectionStateClosed)
			r.ledger.awaitReason(t, cam.id, reason.Kicked)
		})
	}
}

func withoutGCM(se *webrtc.SettingEngine) {
	se.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
}
