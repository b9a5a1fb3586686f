package signal_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/signal"
)

// withAAC makes a browser's offer that of a client that decodes AAC.
func withAAC(offer string) string {
	return strings.ReplaceAll(strings.ReplaceAll(offer, "63 red/48000/2", "63 MP4A-ADTS/44100/2"), "fmtp:63 111/111", "fmtp:63 x=1")
}

// aacAlone makes it that of one that decodes nothing else.
func aacAlone(offer string) string {
	return strings.ReplaceAll(withAAC(offer), "opus/48000/2", "speex/48000/2")
}

// withBFrames makes it one that reorders pictures.
func withBFrames(offer string) string {
	offer = strings.ReplaceAll(offer, "packetization-mode=1;", "packetization-mode=1;bframe-enabled=1;")
	return strings.ReplaceAll(offer, "urn:3gpp:video-orientation", "uri:ietf:rtc:rtp-hdrext:video:CompositionTime")
}

// audioOnly drops the video line.
func audioOnly(offer string) string {
	video, audio := strings.Index(offer, "m=video"), strings.Index(offer, "m=audio")
	return strings.Replace(offer[:video]+offer[audio:], "BUNDLE 0 1", "BUNDLE 1", 1)
}

func TestVariants(t *testing.T) {
	browser := file(t, "whep-n-M.sdp")
	same := func(s string) string { return s }
	tests := []struct {
		name         string
		offer        func(string) string
		video, audio *media.Track
		supplier     *variant
		mode         catalog.Mode
		asked        string // variants, in order
		status       int
		codecs       string // of the session
		silent       reason.Reason
		reason       string
	}{
		{name: "Opus as it is", offer: same, video: h264, audio: opus, asked: "", status: 201, codecs: "H264 Opus"},
		{name: "AAC to a browser", offer: same, video: h264, audio: aac, supplier: &variant{audio: opus}, asked: ",opus", status: 201, codecs: "H264 Opus"},
		{name: "AAC to a native client", offer: withAAC, video: h264, audio: aac, supplier: &variant{audio: opus}, asked: "", status: 201, codecs: "H264 AAC"},
		{name: "AAC that cannot be decoded", offer: same, video: h264, audio: aac, supplier: &variant{}, asked: ",opus", status: 201, codecs: "H264", silent: reason.NoDecoder},
		{name: "no converter", offer: same, video: h264, audio: aac, asked: ",opus", status: 201, codecs: "H264", silent: reason.Codec},
		{name: "converter fails", offer: same, video: h264, audio: aac, supplier: &variant{fail: errors.New("broken")}, asked: ",opus", status: 201, codecs: "H264", silent: reason.Codec},
		{name: "no converter, sound alone", offer: audioOnly, video: h264, audio: aac, asked: ",opus", status: 406, reason: "codec"},
		{name: "converter fails, sound alone", offer: audioOnly, video: h264, audio: aac, supplier: &variant{fail: errors.New("broken")}, asked: ",opus", status: 500, reason: "internal"},
		{name: "sound alone", offer: audioOnly, video: h264, audio: aac, supplier: &variant{audio: opus}, asked: ",opus", status: 201, codecs: "Opus"},
		{name: "half-second converts nothing", offer: same, video: h264, audio: aac, supplier: &variant{audio: opus}, mode: catalog.HalfSecond, asked: "", status: 406, reason: "codec"},
		{name: "half-second, native", offer: withAAC, video: h264, audio: aac, mode: catalog.HalfSecond, asked: "", status: 201, codecs: "H264 AAC"},
		{name: "Opus to a native client that takes both", offer: withAAC, video: h264, audio: opus, asked: "", status: 201, codecs: "H264 Opus"},
		{name: "Opus to one that takes AAC alone", offer: aacAlone, video: h264, audio: opus, supplier: &variant{name: live.VariantAAC, audio: aac}, asked: ",aac", status: 201, codecs: "H264 AAC"},
		{name: "Opus to it, no converter", offer: aacAlone, video: h264, audio: opus, asked: ",aac", status: 201, codecs: "H264", silent: reason.Codec},
		{name: "Opus to it, converter without sound", offer: aacAlone, video: h264, audio: opus, supplier: &variant{name: live.VariantAAC}, asked: ",aac", status: 201, codecs: "H264", silent: reason.NoDecoder},
		{name: "Opus to it, half-second", offer: aacAlone, video: h264, audio: opus, supplier: &variant{name: live.VariantAAC, audio: aac}, mode: catalog.HalfSecond, asked: "", status: 406, reason: "codec"},
		{name: "B-frames to a browser", offer: same, video: high, audio: opus, asked: "", status: 406, reason: "b_frames"},
		{name: "B-frames, nothing converted for nobody", offer: same, video: high, audio: aac, supplier: &variant{audio: opus}, asked: "", status: 406, reason: "b_frames"},
		{name: "B-frames to a native client", offer: func(s string) string { return withBFrames(withAAC(s)) }, video: high, audio: aac, asked: "", status: 201, codecs: "H264 AAC"},
		{name: "B-frames matter to nobody who only listens", offer: audioOnly, video: high, audio: opus, asked: "", status: 201, codecs: "Opus"},
		{name: "no sound", offer: same, video: h264, asked: "", status: 201, codecs: "H264"},
		{name: "no picture", offer: same, audio: opus, asked: "", status: 201, codecs: "Opus"},
		{name: "nothing in common", offer: audioOnly, video: h264, asked: "", status: 406, reason: "codec"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var suppliers []live.Supplier
			if tt.supplier != nil {
				suppliers = append(suppliers, tt.supplier)
			}
			s := newStage(t, signal.Config{}, suppliers...)
			if tt.mode != "" {
				s.adm.mode = tt.mode
			}
			s.publish("demo", tt.video, tt.audio)
			r := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, tt.offer(browser), "Content-Type", sdpType)
			if r.status != tt.status || s.adm.variants() != tt.asked {
				t.Fatalf("status %d, asked for %q: %s", r.status, s.adm.variants(), r.body)
			}
			if tt.status != 201 {
				if m := r.fields(t); m["code"] != tt.reason || m["detail"] == "" || s.readers() != 0 {
					t.Errorf("%v, %d readers", m, s.readers())
				}
				return
			}
			var codecs []string
			if v := s.peers.sel.Video; v != nil {
				codecs = append(codecs, v.Codec.String())
			}
			if a := s.peers.sel.Audio; a != nil {
				codecs = append(codecs, a.Codec.String())
			}
			if got := strings.Join(codecs, " "); got != tt.codecs || s.readers() != len(s.peers.sessions) {
				t.Errorf("sent %q, %d readers", got, s.readers())
			}
			want := map[string]float64{}
			if tt.silent != "" {
				want["whep "+string(tt.silent)] = 1
			}
			if got := s.counters("millrace_signal_silent_total"); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			if got := s.counters("millrace_signal_answered_total")["whep"]; got != 1 {
				t.Errorf("%v answers counted", got)
			}
		})
	}
}
