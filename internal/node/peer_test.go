package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	rtcmedia "github.com/pion/webrtc/v4/pkg/media"

	"millrace/internal/demo"
	"millrace/internal/media"
)

// peer is a publisher or a viewer made of the reference implementation.
type peer struct {
	pc       *webrtc.PeerConnection
	session  string // URL
	etag     string
	packets  [2]atomic.Int64 // received, by media.Kind
	codecs   sync.Map        // media.Kind to MIME type
	offerSDP string
}

func newPeer(t *testing.T, codecs func(*webrtc.MediaEngine) error) *peer {
	t.Helper()
	var me webrtc.MediaEngine
	if codecs == nil {
		codecs = (*webrtc.MediaEngine).RegisterDefaultCodecs
	}
	if err := codecs(&me); err != nil {
		t.Fatal(err)
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&me), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	p := &peer{pc: pc}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		kind := media.Video
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			kind = media.Audio
		}
		p.codecs.Store(kind, track.Codec().MimeType)
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			p.packets[kind].Add(1)
		}
	})
	return p
}

// offer makes the peer's offer and keeps it as its own side.
func (p *peer) offer(t *testing.T, o *webrtc.OfferOptions) string {
	t.Helper()
	offer, err := p.pc.CreateOffer(o)
	if err == nil {
		err = p.pc.SetLocalDescription(offer)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.offerSDP = offer.SDP
	return offer.SDP
}

func (p *peer) accept(t *testing.T, answer string) {
	t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
}

// join posts the peer's offer to a WHIP or WHEP endpoint.
func (p *peer) join(t *testing.T, url string) {
	t.Helper()
	res, body := ask(t, http.MethodPost, url, "application/sdp", p.offer(t, nil))
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", res.Status, body)
	}
	at, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	p.session, p.etag = at.String(), res.Header.Get("ETag")
	p.accept(t, body)
}

// publishARTC publishes by the vendor's exchange.
func (p *peer) publishARTC(t *testing.T, url string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"version": 2, "sdk_version": "0.0.1", "mode": "rtc", "push_stream": url,
		"jsep": map[string]string{"type": "offer", "sdp": p.offer(t, nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	res, text := ask(t, http.MethodPost, strings.Replace(url, "artc://", "http://", 1), "", string(body))
	var answer struct {
		Code  int                       `json:"code"`
		Trace string                    `json:"trace_id"`
		JSEP  webrtc.SessionDescription `json:"jsep"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || res.StatusCode != http.StatusOK || answer.Code != 200 || answer.Trace == "" {
		t.Fatalf("%s: %s: %v", res.Status, text, err)
	}
	p.accept(t, answer.JSEP.SDP)
}

// receiver is a viewer that has asked for both media.
func receiver(t *testing.T) *peer {
	t.Helper()
	p := newPeer(t, nil)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// gets waits until n more packets of each kind have come.
func (p *peer) gets(t *testing.T, n int64) {
	t.Helper()
	video, audio := p.packets[media.Video].Load()+n, p.packets[media.Audio].Load()+n
	await(t, "media", func() bool {
		return p.packets[media.Video].Load() >= video && p.packets[media.Audio].Load() >= audio
	})
}

// sender is a publisher of the demo's pictures and of silence.
func sender(t *testing.T) *peer {
	t.Helper()
	p := newPeer(t, nil)
	video, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}, "video", "rts")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "rts")
	if err != nil {
		t.Fatal(err)
	}
	for _, track := range []webrtc.TrackLocal{audio, video} {
		s, err := p.pc.AddTrack(track)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				if _, _, err := s.ReadRTCP(); err != nil {
					return
				}
			}
		}()
	}
	loop, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	pictures := annexB(loop.Frames())
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	t.Cleanup(func() { cancel(); sending.Wait() })
	sending.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// Before and between connections nothing is sent, which is no fault.
			_ = video.WriteSample(rtcmedia.Sample{Data: pictures[i%len(pictures)], Duration: 20 * time.Millisecond})
			_ = audio.WriteSample(rtcmedia.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond})
		}
	})
	return p
}

// annexB returns the pictures of a stream as byte stream NAL units, key frames
// with their parameter sets.
func annexB(frames []*media.Frame) (pictures [][]byte) {
	const start = "\x00\x00\x00\x01"
	for _, f := range frames {
		if f.Track.Kind != media.Video {
			continue
		}
		var b []byte
		if f.Key {
			for _, set := range f.Track.Params {
				b = append(append(b, start...), set...)
			}
		}
		for rest := f.Data; len(rest) > 4; {
			n := binary.BigEndian.Uint32(rest) + 4
			b = append(append(b, start...), rest[4:n]...)
			rest = rest[n:]
		}
		pictures = append(pictures, b)
	}
	return pictures
}

// attribute returns the value of the first such attribute of a description.
func attribute(t *testing.T, sdp, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(sdp, "a="+name+":")
	if !ok {
		t.Fatalf("no %s in\n%s", name, sdp)
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
