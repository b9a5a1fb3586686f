package sdp

import (
	"errors"
	"strings"
	"testing"

	"millrace/internal/media"
	"millrace/internal/reason"
)

const ownSession = `v=0
o=- 42 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdefABCDEF
a=fingerprint:sha-1 00:11
a=fingerprint:SHA-256 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f
a=setup:actpass
`

// native is the offer of a client that decodes the original media. Transport
// parameters stand at session level and lines end in LF.
func native(aac, aacFmtp, h264 string) string {
	return ownSession + `m=audio 9 UDP/TLS/RTP/SAVPF 111 97
a=mid:0
a=rtcp-mux
a=recvonly
a=rtpmap:111 opus/48000/2
a=rtpmap:97 ` + aac + `
` + aacFmtp + `m=video 9 UDP/TLS/RTP/SAVPF 96 98
a=mid:1
a=rtcp-mux
a=rtcp-rsize
a=recvonly
a=rtpmap:96 H264/90000
a=fmtp:96 ` + h264 + `packetization-mode=1;profile-level-id=42e01f
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=96;rtx-time=3000
a=rtcp-fb:* nack
a=rtcp-fb:96 nack pli
a=extmap:3 uri:webrtc:rtc:rtp-hdrext:video:CompositionTime
a=extmap:4/recvonly http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time
a=extmap:5/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:99 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
`
}

func TestNative(t *testing.T) {
	tests := []struct {
		name, rtpmap string
		source       *media.Track
		framing      Framing
	}{
		{"ADTS, own rate", "MP4A-ADTS/44100/2", aacLC, FramingADTS},
		{"ADTS, other rate", "MP4A-ADTS/48000/2", aacLC, FramingADTS},
		{"LATM", "mp4a-latm/44100/2", aacLC, FramingLATM},
		{"LATM, core rate", "MP4A-LATM/24000/2", aacHE, FramingLATM},
	}
	for _, tt := range tests {
		o := parse(t, native(tt.rtpmap, "", "bframe-enabled=1;"))
		if !o.TakesAAC() || !o.TakesOpus() {
			t.Errorf("%s: AAC %v, Opus %v", tt.name, o.TakesAAC(), o.TakesOpus())
		}
		s, err := o.SelectPlay(bframes, tt.source)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if a := s.Audio; a == nil || a.Codec != media.AAC || a.PT != 97 || a.Framing != tt.framing || !a.Stereo {
			t.Errorf("%s: audio %+v", tt.name, a)
		}
		// Ids above 14 and directions that do not reach the viewer are left out.
		if v := s.Video; !v.BFrames || v.Ext != (Extensions{CompositionTime: 3, AbsCaptureTime: 4}) || !v.NACK || v.RTXPT != 98 {
			t.Errorf("%s: video %+v", tt.name, v)
		}
		checkAnswer(t, o, s, ours)
	}
}

// A repeat must not come from a source that the viewer was not told of.
func TestAudioRetransmission(t *testing.T) {
	body := strings.Replace(native("MP4A-ADTS/44100/2", "a=rtpmap:99 rtx/44100\na=fmtp:99 apt=97\n", ""), "111 97", "111 97 99", 1)
	o := parse(t, body)
	s, err := o.SelectPlay(nil, aacLC)
	if err != nil || s.Audio == nil || s.Audio.RTXPT != 99 {
		t.Fatalf("%+v, %v", s.Audio, err)
	}
	checkAnswer(t, o, s, ours)
	if a := o.Answer(s, ours); !strings.Contains(a, "a=ssrc-group:FID 3333 4444\r\n") || !strings.Contains(a, "a=ssrc:4444 cname:rts\r\n") {
		t.Errorf("the answer is\n%s", a)
	}
}

func TestCompositionSpellings(t *testing.T) {
	const spelt = "uri:webrtc:rtc:rtp-hdrext:video:CompositionTime"
	for _, uri := range []string{uriCompositionGoogle, uriCompositionIETF, uriCompositionWebRTC} {
		o := parse(t, strings.ReplaceAll(native("MP4A-ADTS/44100/2", "", "bframe-enabled=1;"), spelt, uri))
		s, err := o.SelectPlay(bframes, aacLC)
		if err != nil || s.Video.Ext.CompositionTime != 3 || !strings.Contains(o.Answer(s, ours), "a=extmap:3 "+uri+"\r\n") {
			t.Errorf("%s: %+v, %v", uri, s.Video, err)
		}
	}
}

// Half an announcement of B-frames is none.
func TestBFramesRefused(t *testing.T) {
	full := native("MP4A-ADTS/44100/2", "", "bframe-enabled=1;")
	for name, body := range map[string]string{
		"no parameter": native("MP4A-ADTS/44100/2", "", ""),
		"switched off": native("MP4A-ADTS/44100/2", "", "bframe-enabled=0;"),
		"no extension": strings.ReplaceAll(full, "CompositionTime", "decoding-timestamp"),
		"browser":      fixture(t, "play-rts2.2.7.offer.sdp"),
	} {
		o := parse(t, body)
		_, err := o.SelectPlay(bframes, aacLC)
		var m *Mismatch
		if !errors.As(err, &m) || m.Reason != reason.BFrames || m.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := o.SelectPlay(plainH264, nil); err != nil || s.Video.BFrames || s.Video.Ext.CompositionTime != 0 {
			t.Errorf("%s, source without B-frames: %+v, %v", name, s.Video, err)
		}
	}
}

func TestLATMAnswer(t *testing.T) {
	for _, tt := range []struct {
		source *media.Track
		want   string
	}{
		{aacLC, "a=fmtp:97 PS-enabled=0;SBR-enabled=0;cpresent=0;object=2;config=400024203fc0\r\n"},
		{aacHE, "a=fmtp:97 PS-enabled=0;SBR-enabled=1;cpresent=0;object=5;config=40005623101fe0\r\n"},
	} {
		o := parse(t, native("MP4A-LATM/48000/2", "a=fmtp:97 SBR-Enabled=1; cpresent=1;object=2;config=00\n", ""))
		s, err := o.SelectPlay(plainH264, tt.source)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Answer(s, ours); !strings.Contains(got, tt.want) {
			t.Errorf("want %s in\n%s", tt.want, got)
		}
	}
}

// AAC whose channels only the audio itself tells cannot be announced in LATM.
func TestLATMUnannounced(t *testing.T) {
	source := &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Config: []byte{0x12, 0x00, 0x04, 0x82, 0x00, 0x21, 0x00, 0x00, 0x00}}
	o := parse(t, native("MP4A-LATM/44100/2", "", ""))
	s, err := o.SelectPlay(plainH264, source)
	if err != nil || s.Audio != nil || s.Video == nil {
		t.Errorf("%+v, %v", s, err)
	}
}
