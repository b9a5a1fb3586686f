package sdp

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"millrace/internal/media"
)

// checkAnswer reads an answer with other eyes and holds it against the offer:
// what RFC 8829 section 5.3 and the clients demand of any answer.
func checkAnswer(t *testing.T, o *Offer, s Selection, tr Transport) {
	t.Helper()
	text := o.Answer(s, tr)
	if !strings.HasSuffix(text, "\r\n") || strings.Contains(text, "ice-lite") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Error("line ends, or ice-lite")
	}
	var d pion.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("answer does not parse: %v\n%s", err, text)
	}
	if len(d.MediaDescriptions) != len(o.Media) {
		t.Fatalf("%d m-lines answer %d", len(d.MediaDescriptions), len(o.Media))
	}
	var accepted []string
	candidates := false
	for i, md := range d.MediaDescriptions {
		m := &o.Media[i]
		if mid, _ := md.Attribute("mid"); mid != m.MID || md.MediaName.Media != m.Kind || strings.Join(md.MediaName.Protos, "/") != m.Proto {
			t.Errorf("m-line %d: mid %q, %s %v", i, mid, md.MediaName.Media, md.MediaName.Protos)
		}
		for _, f := range md.MediaName.Formats {
			if !slices.Contains(m.formats, f) {
				t.Errorf("m-line %d: format %s was not offered", i, f)
			}
		}
		if md.MediaName.Port.Value == 0 {
			if m.Bundled {
				t.Errorf("m-line %d is rejected", i)
			}
			continue
		}
		if m.inBundle {
			accepted = append(accepted, m.MID)
		}
		checkAccepted(t, m, md, i, s, tr, o.Setup)
		if _, ok := md.Attribute("candidate"); ok != !candidates {
			t.Errorf("m-line %d: candidates %v", i, ok)
		}
		candidates = true
	}
	group, _ := d.Attribute("group")
	want := ""
	if accepted != nil {
		want = "BUNDLE " + strings.Join(accepted, " ")
	}
	if group != want {
		t.Errorf("group %q, want %q", group, want)
	}
}

func checkAccepted(t *testing.T, m *Media, md *pion.MediaDescription, i int, s Selection, tr Transport, offered string) {
	t.Helper()
	setup := tr.Setup
	switch {
	case setup != "":
	case offered == "passive":
		setup = "active"
	default:
		setup = "passive"
	}
	for key, want := range map[string]string{"ice-ufrag": tr.Ufrag, "ice-pwd": tr.Pwd, "setup": setup} {
		if got, _ := md.Attribute(key); got != want {
			t.Errorf("m-line %d: %s %q, want %q", i, key, got, want)
		}
	}
	has := func(flag string) bool { _, ok := md.Attribute(flag); return ok }
	if has("rtcp-mux") != m.rtcpMux || has("rtcp-rsize") != m.rtcpRsize {
		t.Errorf("m-line %d: rtcp-mux or rtcp-rsize", i)
	}
	f, ssrc, track := s.Video, tr.VideoSSRC, "video"
	if m.Kind == "audio" {
		f, ssrc, track = s.Audio, tr.AudioSSRC, "audio"
	}
	if f == nil || f.MLine != i {
		if !has("inactive") || has("ssrc") || has("msid") {
			t.Errorf("m-line %d should be inactive", i)
		}
		return
	}
	msid, _ := md.Attribute("msid")
	var sources []string
	for _, a := range md.Attributes {
		if a.Key == "ssrc" {
			sources = append(sources, a.Value)
		}
	}
	own := strconv.Itoa(int(ssrc))
	if !has("sendonly") || msid != "rts "+track || !slices.Contains(sources, own+" cname:rts") || !slices.Contains(sources, own+" msid:rts "+track) {
		t.Errorf("m-line %d: msid %q, ssrc %q", i, msid, sources)
	}
	var formats []string
	repeats := false
	for _, f := range append([]*Format{f}, s.Others...) {
		if f.MLine == i {
			formats = append(formats, strconv.Itoa(int(f.PT)))
			if f.RTXPT != 0 {
				formats, repeats = append(formats, strconv.Itoa(int(f.RTXPT))), true
			}
			if f.RED != 0 {
				formats = append(formats, strconv.Itoa(int(f.RED)))
			}
		}
	}
	if !slices.Equal(md.MediaName.Formats, formats) || has("ssrc-group") != repeats {
		t.Errorf("m-line %d: formats %v for %+v", i, md.MediaName.Formats, f)
	}
}

// A full WebRTC implementation takes the answer to an offer that it made.
func TestPionAccepts(t *testing.T) {
	const v, a = webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio
	for _, tt := range []struct {
		name         string
		video, audio *media.Track
		kinds        []webrtc.RTPCodecType
		data         bool
	}{
		{"both", plainH264, opus, []webrtc.RTPCodecType{v, a}, false},
		{"data channel too", main, opus, []webrtc.RTPCodecType{a, v}, true},
		{"source without audio", high, nil, []webrtc.RTPCodecType{a, v}, false},
		{"viewer without video", plainH264, opus, []webrtc.RTPCodecType{a}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pc := newPeer(t, tt.data, tt.kinds...)
			o := parse(t, pc.LocalDescription().SDP)
			s, err := o.SelectPlay(tt.video, tt.audio)
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, o, s, ours)
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: o.Answer(s, ours)}); err != nil {
				t.Fatal(err)
			}
			if got := pc.SignalingState(); got != webrtc.SignalingStateStable {
				t.Errorf("signaling state %s", got)
			}
		})
	}
}

// newPeer returns a PeerConnection. If it wants to receive anything, its offer
// is made.
func newPeer(t *testing.T, data bool, kinds ...webrtc.RTPCodecType) *webrtc.PeerConnection {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, k := range kinds {
		if _, err := pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if data {
		if _, err := pc.CreateDataChannel("x", nil); err != nil {
			t.Fatal(err)
		}
	}
	if kinds != nil || data {
		propose(t, pc)
	}
	return pc
}

func propose(t *testing.T, pc *webrtc.PeerConnection) {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
}

// The transport of a bundle whose first line is rejected is that of the first
// one that is not (RFC 8843 section 7.3.1).
func TestDataChannelFirst(t *testing.T) {
	body := fixture(t, "play-rts2.7.2.offer.sdp")
	at, last := strings.Index(body, "m="), strings.LastIndex(body, "m=")
	moved := strings.Replace(body[last:], "a=ice-ufrag:B1RL", "a=ice-ufrag:other", 1)
	o := parse(t, body[:at]+moved+body[at:last])
	if o.Ufrag != "B1RL" || o.Media[0].Bundled || !o.Media[1].Bundled {
		t.Fatalf("ufrag %q, bundled %v %v", o.Ufrag, o.Media[0].Bundled, o.Media[1].Bundled)
	}
	s, err := o.SelectPlay(plainH264, opus)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, o, s, ours)
	if got := o.Answer(s, ours); !strings.Contains(got, "a=group:BUNDLE 0 1\r\n") {
		t.Error(got)
	}
}
