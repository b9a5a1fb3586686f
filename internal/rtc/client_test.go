package rtc

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
)

// client is a viewer made of the reference implementation, without any of its
// interceptors: it repairs and reports nothing by itself.
type client struct {
	t       testing.TB
	room    *room
	pc      *webrtc.PeerConnection
	id      string
	answer  string
	media   chan received
	reports chan rtcp.Packet
	dtls    chan webrtc.DTLSTransportState
	ssrc    chan ssrcOf
	sorts   bool // the packets of a frame: their publisher's may be overtaken on the way here
}

type ssrcOf struct {
	kind media.Kind
	ssrc uint32
}

// received is one packet; osn and rtx are set for one that came by RTX.
type received struct {
	*rtp.Packet
	kind media.Kind
	rtx  bool
	at   time.Time
}

// wish says what is special about a client.
type wish struct {
	name         live.Name
	mode         catalog.Mode
	noVideo      bool
	noAudio      bool
	codecs       func(*webrtc.MediaEngine) error
	setting      func(*webrtc.SettingEngine)
	offer        func(string) string // edits what the server reads
	reply        func(string) string // edits what the client reads
	tcp          bool
	interceptors *interceptor.Registry
	dontComplete bool // the answer is not used
}

// extensions that every client offers for video.
var extensions = []string{
	"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
	"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newPeer makes the reference's peer connection for a wish.
func newPeer(t testing.TB, w wish) *webrtc.PeerConnection {
	t.Helper()
	me := &webrtc.MediaEngine{}
	if w.codecs == nil {
		w.codecs = func(me *webrtc.MediaEngine) error { return me.RegisterDefaultCodecs() }
	}
	must(t, w.codecs(me))
	me.RegisterFeedback(webrtc.RTCPFeedback{Type: "transport-cc"}, webrtc.RTPCodecTypeVideo)
	for _, uri := range extensions {
		must(t, me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if w.tcp {
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	if w.setting != nil {
		w.setting(&se)
	}
	if w.interceptors == nil {
		w.interceptors = &interceptor.Registry{}
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(me), webrtc.WithSettingEngine(se), webrtc.WithInterceptorRegistry(w.interceptors))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	recvOnly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if !w.noAudio {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvOnly)
		must(t, err)
	}
	if !w.noVideo {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvOnly)
		must(t, err)
	}
	return pc
}

// watch makes a client that plays a stream.
func (r *room) watch(w wish) *client {
	r.t.Helper()
	if w.name == (live.Name{}) {
		w.name = testName
	}
	c := &client{
		t: r.t, room: r, pc: newPeer(r.t, w), media: make(chan received, 1<<16),
		reports: make(chan rtcp.Packet, 1<<10), dtls: make(chan webrtc.DTLSTransportState, 16), ssrc: make(chan ssrcOf, 4),
	}
	c.pc.OnTrack(func(track *webrtc.TrackRemote, rec *webrtc.RTPReceiver) {
		kind := media.Video
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			kind = media.Audio
		}
		c.ssrc <- ssrcOf{kind, uint32(track.SSRC())}
		go c.readRTCP(rec)
		for {
			p, attrs, err := track.ReadRTP()
			if err != nil {
				return
			}
			c.media <- received{p, kind, attrs.Get(webrtc.AttributeRtxSsrc) != nil, time.Now()}
		}
	})
	offer, err := c.pc.CreateOffer(nil)
	must(r.t, err)
	must(r.t, c.pc.SetLocalDescription(offer))
	body := offer.SDP
	if w.offer != nil {
		body = w.offer(body)
	}
	if w.mode == "" {
		w.mode = catalog.SubSecond
	}
	c.id, c.answer, err = r.play(w.name, body, w.mode)
	must(r.t, err)
	if w.reply != nil {
		c.answer = w.reply(c.answer)
	}
	if w.dontComplete {
		return c
	}
	must(r.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer}))
	c.pc.GetTransceivers()[0].Receiver().Transport().OnStateChange(func(s webrtc.DTLSTransportState) { c.dtls <- s })
	return c
}

func (c *client) readRTCP(rec *webrtc.RTPReceiver) {
	for {
		ps, _, err := rec.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range ps {
			select {
			case c.reports <- p:
			default:
			}
		}
	}
}

// next returns the next packet of either kind.
func (c *client) next() received {
	c.t.Helper()
	select {
	case p := <-c.media:
		return p
	case <-time.After(patience):
		c.t.Fatal("no media")
		panic(io.EOF)
	}
}

// nextOf returns the next packet of one kind that is not a repeat.
func (c *client) nextOf(k media.Kind) received {
	c.t.Helper()
	for {
		if p := c.next(); p.kind == k && !p.rtx {
			return p
		}
	}
}

// takes returns the next n packets of one kind.
func (c *client) takes(k media.Kind, n int) []received {
	c.t.Helper()
	out := make([]received, 0, n)
	for len(out) < n {
		out = append(out, c.nextOf(k))
	}
	return out
}

// videoSSRC waits for the video track.
func (c *client) ssrcOf(k media.Kind) uint32 {
	c.t.Helper()
	for {
		select {
		case s := <-c.ssrc:
			if s.kind == k {
				return s.ssrc
			}
		case <-time.After(patience):
			c.t.Fatal("no track")
		}
	}
}

func (c *client) send(p ...rtcp.Packet) {
	c.t.Helper()
	must(c.t, c.pc.WriteRTCP(p))
}

// awaitDTLS waits until the client's DTLS reaches a state.
func (c *client) awaitDTLS(want webrtc.DTLSTransportState) {
	c.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-c.dtls:
			if s == want {
				return
			}
		case <-limit:
			c.t.Fatalf("DTLS does not become %s", want)
		}
	}
}
