package sdp

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// ownPublisher is the offer of a client that sends the original media.
func ownPublisher(audio, video string) string {
	return strings.Replace(ownSession, "BUNDLE 0 1", "BUNDLE 0 1 2", 1) +
		"m=audio 9 UDP/TLS/RTP/SAVPF 97\na=mid:0\na=rtcp-mux\na=sendonly\n" + audio +
		"m=video 9 UDP/TLS/RTP/SAVPF 96 98 99 100\na=mid:1\na=rtcp-mux\na=rtcp-rsize\na=sendonly\n" + video +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\n"
}

const (
	sendsADTS = "a=rtpmap:97 MP4A-ADTS/44100/2\n"
	sendsH264 = "a=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f\n"
)

func TestNativePublisher(t *testing.T) {
	const (
		bframes = "a=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f\n" +
			"a=rtpmap:98 H264/90000\na=fmtp:98 BFrame-enabled=1;packetization-mode=1;profile-level-id=64001f;sprop-parameter-sets=Z0LAHg==,aM4=\n" +
			"a=rtpmap:99 rtx/90000\na=fmtp:99 apt=98\n" +
			"a=ssrc-group:FID 5 6\na=ssrc:5 cname:x\na=ssrc:6 cname:x\n" +
			"a=extmap:3 uri:ietf:rtc:rtp-hdrext:video:CompositionTime\na=extmap:4/sendonly http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\n" +
			"a=extmap:5/recvonly urn:ietf:params:rtp-hdrext:sdes:mid\na=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\n"
		latm = "a=rtpmap:97 MP4A-LATM/24000/2\na=fmtp:97 profile-level-id=30;object=5;cpresent=0;config=40005623101fe0\n"
	)
	o := parse(t, ownPublisher(latm, bframes))
	r, err := o.SelectPublish(Ingest{})
	if err != nil {
		t.Fatal(err)
	}
	checkReception(t, o, r, ours)
	v, a := r.Video, r.Audio
	if v.PT != 98 || v.RTXPT != 99 || v.SSRC != 5 || v.RTXSSRC != 6 || !v.BFrames || v.Ext != (Extensions{CompositionTime: 3, AbsCaptureTime: 4}) {
		t.Errorf("video %+v", v)
	}
	if a.Codec != media.AAC || a.Framing != FramingLATM || a.PT != 97 || a.ClockRate != 24000 || !a.Stereo || a.SSRC != 0 {
		t.Errorf("audio %+v", a)
	}
	if c, err := aac.ParseConfig(a.Config); err != nil || c.CoreRate != 24000 || c.OutputRate != 48000 || !c.SBR || c.Channels != 2 {
		t.Errorf("%x is %+v, %v", a.Config, c, err)
	}
	got := o.AnswerPublish(r, ours)
	golden(t, "native-publisher", got)
	if strings.Contains(got, "sprop-") || !strings.Contains(got, "a=extmap:4/recvonly ") || !strings.Contains(got, "m=application 0 ") {
		t.Error(got)
	}
	// Half an announcement of B-frames is none, and the answer says so.
	o = parse(t, ownPublisher(latm, strings.ReplaceAll(bframes, "CompositionTime", "decoding-timestamp")))
	if r, err = o.SelectPublish(Ingest{}); err != nil || r.Video.BFrames || r.Video.PT != 96 {
		t.Errorf("%+v, %v", r.Video, err)
	}
	only := strings.ReplaceAll(ownPublisher(sendsADTS, sendsH264), "packetization-mode", "bframe-enabled=1;packetization-mode")
	o = parse(t, only)
	if r, err = o.SelectPublish(Ingest{}); err != nil || r.Video.BFrames || !strings.Contains(o.AnswerPublish(r, ours), "a=fmtp:96 bframe-enabled=0;packetization-mode=1;") {
		t.Errorf("%+v, %v\n%s", r.Video, err, o.AnswerPublish(r, ours))
	}
	for _, uri := range []string{uriCompositionGoogle, uriCompositionIETF, uriCompositionWebRTC} {
		o = parse(t, strings.Replace(only, "m=application", "a=extmap:9 "+uri+"\nm=application", 1))
		if r, err = o.SelectPublish(Ingest{}); err != nil || !r.Video.BFrames || r.Video.Ext.CompositionTime != 9 {
			t.Errorf("%s: %+v, %v", uri, r.Video, err)
		}
	}
}

func TestTakeAudio(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		codec       media.Codec // 0: refused
		framing     Framing
		stereo      bool
	}{
		{"Opus", "a=rtpmap:97 opus/48000/2\n", media.Opus, FramingOpus, true},
		{"upper case", "a=rtpmap:97 OPUS/48000/2\n", media.Opus, FramingOpus, true},
		{"no channel count", "a=rtpmap:97 opus/48000\n", media.Opus, FramingOpus, true},
		{"mono", "a=rtpmap:97 opus/48000/2\na=fmtp:97 sprop-stereo=0\n", media.Opus, FramingOpus, false},
		{"many channels", "a=rtpmap:97 opus/48000/6\n", 0, 0, false},
		{"ADTS", "a=rtpmap:97 mp4a-adts/48000/2\n", media.AAC, FramingADTS, true},
		{"ADTS, mono", "a=rtpmap:97 MP4A-ADTS/48000\n", media.AAC, FramingADTS, false},
		{"LATM", "a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 config=400023203fc0;cpresent=0\n", media.AAC, FramingLATM, true},
		{"LATM configured in the packets", "a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 config=400023203fc0;cpresent=1\n", 0, 0, false},
		{"LATM without configuration", "a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 cpresent=0\n", 0, 0, false},
		{"LATM, unreadable", "a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 cpresent=0;config=4000\n", 0, 0, false},
		{"telephone", "a=rtpmap:97 PCMU/8000\n", 0, 0, false},
	} {
		o := parse(t, ownPublisher(tt.lines, sendsH264))
		r, err := o.SelectPublish(Ingest{})
		if tt.codec == 0 {
			var m *Mismatch
			if !errors.As(err, &m) || m.Reason != reason.Codec || !strings.Contains(m.Detail, "this server takes Opus") || r.Video != nil {
				t.Errorf("%s: %+v, %v", tt.name, r, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if a := r.Audio; a.Codec != tt.codec || a.Framing != tt.framing || a.Stereo != tt.stereo || (a.Config != nil) != (tt.framing == FramingLATM) {
			t.Errorf("%s: %+v", tt.name, a)
		}
		checkReception(t, o, r, ours)
	}
}

func TestTakeVideo(t *testing.T) {
	h264 := func(pt, fmtp string) string {
		return "a=rtpmap:" + pt + " H264/90000\na=fmtp:" + pt + " " + fmtp + "\n"
	}
	const one = "packetization-mode=1;profile-level-id="
	for _, tt := range []struct {
		name, lines string
		carried     bool
		pt          uint8
		codec       media.Codec
		refused     string
	}{
		{"constrained baseline before all", h264("96", one+"64001f") + h264("98", one+"42001f") + h264("99", one+"42e01f"), false, 99, media.H264, ""},
		{"baseline before main", h264("96", one+"64001f") + h264("98", one+"4d001f") + h264("99", one+"42001f"), false, 99, media.H264, ""},
		{"main before high", h264("96", one+"f4001f") + h264("98", one+"64001f") + h264("99", one+"4d001f"), false, 99, media.H264, ""},
		{"high before others", h264("96", one+"f4001f") + h264("98", one+"64001f"), false, 98, media.H264, ""},
		{"others before none", h264("96", one+"f4001f"), false, 96, media.H264, ""},
		{"H264 behind VP8", "a=rtpmap:96 VP8/90000\n" + h264("98", one+"64001f"), true, 98, media.H264, ""},
		{"mode 0", h264("96", "packetization-mode=0;profile-level-id=42e01f") + h264("98", "profile-level-id=42e01f"), false, 0, 0, "the offer's video is H264 without packetization-mode=1"},
		{"not carried", "a=rtpmap:96 VP8/90000\na=rtpmap:98 VP9/90000\na=rtpmap:99 rtx/90000\n", false, 0, 0, "video is VP8, VP9, payload type 100; this server takes H264 with packetization-mode=1"},
		{"their favourite", "a=rtpmap:96 ulpfec/90000\na=rtpmap:98 AV1/90000\na=rtpmap:99 VP8/90000\n", true, 98, media.AV1, ""},
		{"VP9 of profile 0", "a=rtpmap:96 VP9/90000\na=fmtp:96 profile-id=2\na=rtpmap:98 VP9/90000\na=fmtp:98 profile-id=0\n", true, 98, media.VP9, ""},
		{"VP9 of profile 2", "a=rtpmap:96 VP9/90000\na=fmtp:96 profile-id=2\na=rtpmap:98 flexfec-03/90000\n", true, 0, 0, "or H265"},
		{"H265", "a=rtpmap:96 H265/90000\na=fmtp:96 level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST\n", true, 96, media.H265, ""},
		{"H265 on many streams", "a=rtpmap:96 H265/90000\na=fmtp:96 tx-mode=MRMT\n", true, 0, 0, "H265"},
		{"H265 out of order", "a=rtpmap:96 H265/90000\na=fmtp:96 sprop-max-don-diff=3\n", true, 0, 0, "H265"},
	} {
		o := parse(t, ownPublisher(sendsADTS, tt.lines))
		r, err := o.SelectPublish(Ingest{Carried: tt.carried})
		if tt.refused != "" {
			var m *Mismatch
			if !errors.As(err, &m) || m.Reason != reason.Codec || !strings.Contains(m.Detail, tt.refused) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || r.Video.PT != tt.pt || r.Video.Codec != tt.codec || r.Video.ClockRate != 90000 {
			t.Errorf("%s: %+v, %v", tt.name, r.Video, err)
			continue
		}
		checkReception(t, o, r, ours)
	}
}

// What an offer does not send is answered inactive, and an offer that sends
// nothing is refused.
func TestPublishDirections(t *testing.T) {
	body := fixture(t, "publish-rts2.2.7.offer.sdp")
	at := strings.LastIndex(body, "a=sendrecv")
	o := parse(t, body[:at]+"a=recvonly"+body[at+len("a=sendrecv"):])
	r, err := o.SelectPublish(Ingest{})
	if err != nil || r.Video != nil || r.Audio == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	checkReception(t, o, r, ours)
	golden(t, "publish-rts2.2.7-audio", o.AnswerPublish(r, ours))
	o = parse(t, fixture(t, "whep-n-M.sdp"))
	if r, err := o.SelectPublish(Ingest{Carried: true}); err == nil || !strings.Contains(err.Error(), "does not send") {
		t.Errorf("%+v, %v", r, err)
	}
}

// SSRCs that say nothing, or two things at once, count as not announced.
func TestPublishSSRCs(t *testing.T) {
	for name, tt := range map[string]struct {
		audio, video string
		want         [3]uint32 // video, its repeats, audio
	}{
		"both":         {"a=ssrc:7 cname:x\n", "a=ssrc:5 cname:x\na=ssrc:5 msid:x y\na=ssrc:6 cname:x\n", [3]uint32{5, 0, 7}},
		"group":        {"", "a=ssrc:9 cname:x\na=ssrc-group:FID 5 6\n", [3]uint32{5, 6, 0}},
		"nonsense":     {"a=ssrc:x cname:x\na=ssrc:0 cname:x\na=ssrc:4294967296\n", "a=ssrc-group:FID 5\na=ssrc-group:FID 5 5\na=ssrc-group:SIM 1 2\n", [3]uint32{}},
		"shared":       {"a=ssrc:5 cname:x\n", "a=ssrc:5 cname:x\n", [3]uint32{}},
		"shared group": {"a=ssrc:6 cname:x\n", "a=ssrc-group:FID 5 6\n", [3]uint32{}},
	} {
		repeats := "a=rtpmap:98 rtx/90000\na=fmtp:98 apt=96\n"
		r, err := parse(t, ownPublisher(sendsADTS+tt.audio, sendsH264+repeats+tt.video)).SelectPublish(Ingest{})
		if err != nil || [3]uint32{r.Video.SSRC, r.Video.RTXSSRC, r.Audio.SSRC} != tt.want {
			t.Errorf("%s: %+v, %+v, %v", name, r.Video, r.Audio, err)
		}
	}
	r, err := parse(t, ownPublisher(sendsADTS, sendsH264+"a=ssrc-group:FID 5 6\n")).SelectPublish(Ingest{})
	if err != nil || r.Video.SSRC != 5 || r.Video.RTXSSRC != 0 {
		t.Errorf("repeats without a payload type: %+v, %v", r.Video, err)
	}
}

func TestSimulcast(t *testing.T) {
	const ext = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\na=extmap:5 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\n"
	const abc = "a=rid:a send\na=rid:b send\na=rid:c send\n"
	for _, tt := range []struct {
		name, lines string
		want        []string
	}{
		{"plain", ext + abc + "a=simulcast:send a;b;c\n", []string{"a", "b", "c"}},
		{"line first, other order", ext + "a=simulcast:send c;a\n" + abc, []string{"c", "a"}},
		{"paused, alternatives, both ways", ext + abc + "a=simulcast:recv x send ~a,b;~c\n", []string{"a", "c"}},
		{"restricted", ext + "a=rid:a send pt=96\na=rid:b send max-width=640;pt=97\na=rid:c send max-fps=30\na=simulcast:send a;b;c\n", []string{"a", "c"}},
		{"unknown and wrong ones", ext + "a=rid:a send\na=rid:b recv\na=rid:a.b send\na=simulcast:send a;b;a.b;d;a;;~\n", []string{"a"}},
		{"no extension", abc + "a=simulcast:send a;b;c\n", nil},
		{"no simulcast", ext + abc, nil},
		{"received", ext + "a=rid:a recv\na=simulcast:recv a\n", nil},
		{"empty", ext + abc + "a=simulcast:send\na=simulcast:\n", nil},
		{"too many", ext + strings.Repeat("a=rid:a send\n", maxLayers) + "a=rid:b send\na=simulcast:send a;b\n", []string{"a"}},
		{"long", ext + "a=rid:aaaaaaaaaaaaaaaaa send\na=simulcast:send aaaaaaaaaaaaaaaaa\n", nil},
	} {
		o := parse(t, ownPublisher(sendsADTS, sendsH264+"a=ssrc:5 cname:x\n"+tt.lines))
		r, err := o.SelectPublish(Ingest{})
		if err != nil || !reflect.DeepEqual(r.Video.RIDs, tt.want) || (r.Video.SSRC == 0) != (tt.want != nil) {
			t.Errorf("%s: %+v, %v", tt.name, r.Video, err)
			continue
		}
		checkReception(t, o, r, ours)
		if got := o.AnswerPublish(r, ours); tt.want != nil && !strings.Contains(got, "a=rid:a recv\r\n") {
			t.Errorf("%s:\n%s", tt.name, got)
		}
	}
}

// Chromium's offer of three layers.
func TestChromiumSimulcast(t *testing.T) {
	o := parse(t, fixture(t, "simulcast-chromium.sdp"))
	r, err := o.SelectPublish(Ingest{})
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Video; !reflect.DeepEqual(v.RIDs, []string{"q", "h", "f"}) || v.SSRC != 0 || v.RTXSSRC != 0 || v.Ext != (Extensions{TransportCC: 3, MID: 4, RID: 10, RepairedRID: 11}) {
		t.Errorf("%+v", v)
	}
	checkReception(t, o, r, ours)
	golden(t, "simulcast-chromium", o.AnswerPublish(r, ours))
}

// OBS names the transport once, for the session, has a lip-sync group beside
// the bundle, and fits Opus into a bit rate.
func TestOBS(t *testing.T) {
	body := strings.Replace(ownSession, "a=group:BUNDLE 0 1\n", "a=group:BUNDLE 0 1\na=group:LS 0 1\na=ice-options:ice2,trickle\n", 1) +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=sendonly\na=ssrc:31 cname:x\na=ssrc:31 msid:x x-audio\na=rtcp-mux\na=rtpmap:111 opus/48000/2\n" +
		"a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=sendonly\na=ssrc:32 cname:x\na=rtcp-mux\na=rtpmap:96 H264/90000\n" +
		"a=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\na=rtcp-fb:96 goog-remb\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\n"
	for _, b := range []string{body, strings.Replace(body, "a=group:BUNDLE 0 1\na=group:LS 0 1\n", "a=group:LS 0 1\na=group:BUNDLE 0 1\n", 1)} {
		o := parse(t, b)
		r, err := o.SelectPublish(Ingest{})
		if err != nil || r.Video == nil || r.Audio == nil || r.Video.SSRC != 32 || r.Audio.SSRC != 31 || !r.Video.PLI || !r.Video.NACK || r.Video.TransportCC {
			t.Fatalf("%+v, %+v, %v", r.Video, r.Audio, err)
		}
		checkReception(t, o, r, ours)
		if got := o.AnswerPublish(r, ours); strings.Contains(got, "maxaveragebitrate") || strings.Contains(got, "rsize") {
			t.Error(got)
		}
	}
}

func TestSharedPayloadType(t *testing.T) {
	body := strings.Replace(ownPublisher(sendsADTS, strings.ReplaceAll(sendsH264, ":96 ", ":97 ")), "SAVPF 96", "SAVPF 97", 1)
	var m *Mismatch
	if r, err := parse(t, body).SelectPublish(Ingest{}); !errors.As(err, &m) || m.Reason != reason.BadRequest || !strings.Contains(m.Detail, "share payload type 97") {
		t.Errorf("%+v, %v", r, err)
	}
}

// Two pictures, or two sounds, have no place in one stream.
func TestPublishTwoOfAKind(t *testing.T) {
	base, _, _ := strings.Cut(ownPublisher(sendsADTS, sendsH264), "m=application")
	video := "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:2\na=rtcp-mux\na=sendonly\n" + sendsH264
	audio := "m=audio 9 UDP/TLS/RTP/SAVPF 97\na=mid:2\na=rtcp-mux\na=sendonly\n" + sendsADTS
	for line, want := range map[string]string{video: "more than one video", audio: "more than one audio"} {
		var m *Mismatch
		if r, err := parse(t, base+line).SelectPublish(Ingest{}); !errors.As(err, &m) || m.Reason != reason.Codec || !strings.Contains(m.Detail, want) {
			t.Errorf("%+v, %v", r, err)
		}
		unsent := strings.Replace(line, "sendonly", "recvonly", 1)
		if _, err := parse(t, base+unsent).SelectPublish(Ingest{}); err != nil {
			t.Error(err)
		}
	}
}

// A full WebRTC implementation takes the answers to offers in which it sends.
func TestPionPublishes(t *testing.T) {
	track := func(mime, id string, opts ...func(*webrtc.TrackLocalStaticRTP)) *webrtc.TrackLocalStaticRTP {
		out, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, "stream", opts...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	h264, opus := track(webrtc.MimeTypeH264, "v"), track(webrtc.MimeTypeOpus, "a")
	layers := make([]*webrtc.TrackLocalStaticRTP, 0, 3)
	for _, rid := range []string{"q", "h", "f"} {
		layers = append(layers, track(webrtc.MimeTypeH264, "v", webrtc.WithRTPStreamID(rid)))
	}
	for _, tt := range []struct {
		name   string
		tracks []*webrtc.TrackLocalStaticRTP
		layers bool
	}{
		{"both", []*webrtc.TrackLocalStaticRTP{h264, opus}, false},
		{"video", []*webrtc.TrackLocalStaticRTP{h264}, false},
		{"audio", []*webrtc.TrackLocalStaticRTP{opus}, false},
		{"simulcast", []*webrtc.TrackLocalStaticRTP{opus}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pc := newPeer(t, false)
			for _, tr := range tt.tracks {
				if _, err := pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
					t.Fatal(err)
				}
			}
			if tt.layers {
				tr, err := pc.AddTransceiverFromTrack(layers[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range layers[1:] {
					if err := tr.Sender().AddEncoding(l); err != nil {
						t.Fatal(err)
					}
				}
			}
			propose(t, pc)
			o := parse(t, pc.LocalDescription().SDP)
			r, err := o.SelectPublish(Ingest{})
			if err != nil {
				t.Fatalf("%v\n%s", err, pc.LocalDescription().SDP)
			}
			checkReception(t, o, r, ours)
			if tt.layers && !reflect.DeepEqual(r.Video.RIDs, []string{"q", "h", "f"}) {
				t.Errorf("layers %q of\n%s", r.Video.RIDs, pc.LocalDescription().SDP)
			}
			if r.Video != nil && !tt.layers && (r.Video.SSRC == 0 || r.Video.Codec != media.H264) {
				t.Errorf("%+v", r.Video)
			}
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: o.AnswerPublish(r, ours)}); err != nil {
				t.Fatal(err)
			}
			if got := pc.SignalingState(); got != webrtc.SignalingStateStable {
				t.Errorf("signaling state %s", got)
			}
			for _, s := range pc.GetSenders() {
				for _, c := range s.GetParameters().Codecs[:1] {
					if (s.Track().Kind() == webrtc.RTPCodecTypeVideo) != strings.HasSuffix(c.MimeType, "H264") {
						t.Errorf("sends %s as %+v", s.Track().Kind(), c)
					}
				}
			}
		})
	}
}

func TestStreamMuxConfigOfAnswers(t *testing.T) {
	// What one answer tells a viewer, a publisher's offer may tell this server.
	for _, source := range []*media.Track{aacLC, aacHE} {
		s, err := parse(t, native("MP4A-LATM/48000/2", "", "")).SelectPlay(nil, source)
		if err != nil {
			t.Fatal(err)
		}
		params := strings.Join(latmParams(s.Audio.Config), ";")
		r, err := parse(t, ownPublisher("a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 "+params+"\n", sendsH264)).SelectPublish(Ingest{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := aac.ParseConfig(source.Config)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := aac.ParseConfig(r.Audio.Config); err != nil || got != want {
			t.Errorf("%s came back as %s: %+v, %v", hex.EncodeToString(source.Config), hex.EncodeToString(r.Audio.Config), got, err)
		}
	}
}
