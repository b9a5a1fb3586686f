package sdp

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/internal/media"
	"millrace/internal/reason"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

func h264Track(idc, iop byte) *media.Track {
	return &media.Track{Kind: media.Video, Codec: media.H264, Width: 1280, Height: 720, Params: [][]byte{{0x67, idc, iop, 0x1f}, {0x68}}}
}

var (
	plainH264 = h264Track(0x42, 0xc0)
	main      = h264Track(0x4d, 0x40)
	high      = h264Track(0x64, 0x00)
	bframes   = &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{{0x67, 0x64, 0x00, 0x1f}}, Reorder: true}
	opus      = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	opusMono  = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 1}
	aacLC     = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
	// HE-AAC: SBR in front, core 24 kHz, output 48 kHz, stereo.
	aacHE = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x2b, 0x11, 0x88, 0x00}}
)

var ours = Transport{
	Ufrag: "Qm4Tz7Kd", Pwd: "p0aWcZ8rVh3uJ1yNeXs5Lf7G", Fingerprint: [32]byte{0xab, 1: 0xcd, 31: 0x0f},
	Candidates: []Candidate{
		{IP: netip.MustParseAddr("192.0.2.1"), Port: 8000, TCP: true},
		{IP: netip.MustParseAddr("192.0.2.1"), Port: 8000},
		{IP: netip.MustParseAddr("fe80::1%eth0"), Port: 8000},
		{IP: netip.MustParseAddr("::ffff:192.0.2.9"), Port: 8000},
	},
	VideoSSRC: 1111, VideoRTXSSRC: 2222, AudioSSRC: 3333, AudioRTXSSRC: 4444,
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parse(t testing.TB, body string) *Offer {
	t.Helper()
	o, err := ParseOffer(body)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Every captured offer of a viewer, against one browser-friendly source.
func TestSelectCaptured(t *testing.T) {
	tests := []struct {
		file                 string
		ufrag                string
		pt, rtx, line        int // of video
		audioPT, audioLine   int
		nack, twcc, remb     bool // of video
		playoutDelay, twccID uint8
		refused              reason.Reason
	}{
		{file: "play-rts2.2.7.offer.sdp", pt: 108, rtx: 109, line: 1, audioPT: 111, audioLine: 0, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 3},
		{file: "play-rts2.7.2.offer.sdp", ufrag: "B1RL", pt: 108, rtx: 109, line: 1, audioPT: 111, audioLine: 0, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 3},
		{file: "whep-rts-n.sdp", pt: 108, rtx: 109, line: 1, audioPT: 111, audioLine: 0, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 3},
		{file: "whep-calm-M.sdp", pt: 108, rtx: 109, audioPT: 111, audioLine: 1, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 4},
		{file: "whep-eH264-M.sdp", pt: 108, rtx: 109, audioPT: 111, audioLine: 1, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 4},
		{file: "whep-eVP8-M.sdp", pt: 108, rtx: 109, audioPT: 111, audioLine: 1, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 4},
		{file: "whep-fvp8-M.sdp", pt: 108, rtx: 109, audioPT: 111, audioLine: 1, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 4},
		{file: "whep-n-M.sdp", ufrag: "g2ll", pt: 108, rtx: 109, audioPT: 111, audioLine: 1, nack: true, twcc: true, remb: true, playoutDelay: 5, twccID: 4},
		// aiortc: every line has its own ICE credentials; the first one's count.
		{file: "whep-aio-P.sdp", ufrag: "7Nvu", pt: 101, rtx: 102, audioPT: 96, audioLine: 1, nack: true, remb: true},
		// GStreamer: audio with port 0 and bundle-only, upper-case OPUS, transport-cc without its extension.
		{file: "whep-gst-g.sdp", ufrag: "FST91Jxam6kRbEKiE6bZVO1OarnG9i7l", pt: 96, audioPT: 97, audioLine: 1},
		// Firefox without H264.
		{file: "whep-cvp8-M.sdp", refused: reason.Codec},
		{file: "whep-ffox-M.sdp", ufrag: "4d5ea68d", refused: reason.Codec},
		{file: "whep-ffox8-M.sdp", refused: reason.Codec},
		{file: "whep-none-M.sdp", refused: reason.Codec},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.file] = true
		t.Run(tt.file, func(t *testing.T) {
			o := parse(t, fixture(t, tt.file))
			if tt.ufrag != "" && o.Ufrag != tt.ufrag {
				t.Errorf("ufrag %q, want %q", o.Ufrag, tt.ufrag)
			}
			if o.Setup != "actpass" || o.AnswerSetup() != "passive" || o.Fingerprint == [32]byte{} {
				t.Errorf("setup %q, answer %q, fingerprint %x", o.Setup, o.AnswerSetup(), o.Fingerprint)
			}
			if o.TakesAAC() || !o.TakesOpus() || !o.Wants(media.Video) || !o.Wants(media.Audio) {
				t.Errorf("takes AAC %v, Opus %v", o.TakesAAC(), o.TakesOpus())
			}
			s, err := o.SelectPlay(plainH264, opus)
			if tt.refused != "" {
				var m *Mismatch
				if !errors.As(err, &m) || m.Reason != tt.refused || m.Detail == "" {
					t.Fatalf("got %v, want %s", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v, a := s.Video, s.Audio
			if v == nil || a == nil {
				t.Fatalf("video %v, audio %v", v, a)
			}
			if int(v.PT) != tt.pt || int(v.RTXPT) != tt.rtx || v.MLine != tt.line || v.Framing != FramingH264 || v.ClockRate != 90000 {
				t.Errorf("video %+v", v)
			}
			if v.NACK != tt.nack || v.TransportCC != tt.twcc || v.REMB != tt.remb || !v.PLI || v.BFrames {
				t.Errorf("video feedback %+v", v)
			}
			if want := (Extensions{TransportCC: tt.twccID, PlayoutDelay: tt.playoutDelay}); v.Ext != want {
				t.Errorf("extensions %+v, want %+v", v.Ext, want)
			}
			if int(a.PT) != tt.audioPT || a.MLine != tt.audioLine || a.Framing != FramingOpus || !a.Stereo || a.ClockRate != 48000 {
				t.Errorf("audio %+v", a)
			}
			checkAnswer(t, o, s, ours)
		})
	}
	for _, pattern := range []string{"whep-*", "play-*"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !seen[filepath.Base(f)] {
				t.Errorf("%s has no expectation", f)
			}
		}
	}
}

// Every captured offer of a publisher parses, and none that only sends is
// taken for a viewer's.
func TestPublishersOffers(t *testing.T) {
	for _, pattern := range []string{"whip-*", "publish-*"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			body := fixture(t, filepath.Base(f))
			o := parse(t, body)
			setup := "actpass"
			if strings.Contains(f, "-ff") && strings.HasSuffix(f, "-L.sdp") { // FFmpeg
				setup = "passive"
			}
			if o.Setup != setup {
				t.Errorf("%s: setup %q, want %q", f, o.Setup, setup)
			}
			if !strings.Contains(body, "a=sendonly") {
				continue
			}
			if _, err := o.SelectPlay(plainH264, opus); err == nil {
				t.Errorf("%s: an offer that only sends was given media", f)
			}
		}
	}
}

// The profile of the payload type follows the source's as far as it can.
func TestSelectProfile(t *testing.T) {
	o := parse(t, fixture(t, "play-rts2.7.2.offer.sdp"))
	tests := []struct {
		name  string
		track *media.Track
		pt    uint8
	}{
		{"constrained baseline as 42c0", plainH264, 108},
		{"constrained baseline as 42e0", h264Track(0x42, 0xe0), 108},
		{"baseline", h264Track(0x42, 0x00), 102},
		{"main", h264Track(0x4d, 0x00), 116},
		{"main, constraint_set1", main, 116},
		{"constrained baseline as 4d80", h264Track(0x4d, 0x80), 108},
		{"high 4:4:4", h264Track(0xf4, 0x00), 41},
		{"high has none of its own", high, 108},
		{"no parameter sets yet", &media.Track{Kind: media.Video, Codec: media.H264}, 108},
	}
	for _, tt := range tests {
		s, err := o.SelectPlay(tt.track, nil)
		if err != nil || s.Video.PT != tt.pt {
			t.Errorf("%s: %v, %v, want payload type %d", tt.name, s.Video, err, tt.pt)
		}
	}
	// Offers of one payload type after another spelling of its profile.
	const ids = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\n"
	body := strings.Replace(plain, "m=video 9 UDP/TLS/RTP/SAVPF 96\n", ids, 1) +
		"a=rtpmap:97 h264/90000\na=fmtp:97 Packetization-Mode=1;profile-level-id=%s\n" +
		"a=rtpmap:98 H264/90000\na=fmtp:98 packetization-mode=1\n"
	for _, tt := range []struct {
		name, id string
		track    *media.Track
		pt       uint8
	}{
		{"same profile, other flags", "4d801f", h264Track(0x42, 0xc0), 96},
		{"main with a flag", "4d401f", h264Track(0x4d, 0x00), 97},
		{"high under constrained high", "640c1f", high, 97},
		{"intra profiles are others", "640c1f", h264Track(0x64, 0x10), 96},
		{"extended that is baseline", "58801f", h264Track(0x42, 0x00), 98},
		{"extended that is constrained baseline", "58c01f", h264Track(0x58, 0xe0), 96},
		{"unreadable id is baseline", "nonsense", h264Track(0x42, 0x00), 97},
	} {
		s, err := parse(t, strings.Replace(body, "%s", tt.id, 1)).SelectPlay(tt.track, nil)
		if err != nil || s.Video.PT != tt.pt {
			t.Errorf("%s: %v, %v, want payload type %d", tt.name, s.Video, err, tt.pt)
		}
	}
	// Nothing that fits at all is taken all the same, if fragments may be sent.
	exotic := strings.Replace(plain, "42e01f", "f4001f", 1)
	if s, err := parse(t, exotic).SelectPlay(plainH264, nil); err != nil || s.Video.PT != 96 {
		t.Errorf("%v, %v", s.Video, err)
	}
	whole := strings.Replace(plain, "packetization-mode=1", "packetization-mode=0", 1)
	if s, err := parse(t, whole).SelectPlay(plainH264, nil); err == nil {
		t.Errorf("packetization-mode=0 gave %+v", s.Video)
	}
}

func TestGoldenAnswers(t *testing.T) {
	withActive := ours
	withActive.Setup = "active"
	tests := []struct {
		golden, offer string
		video, audio  *media.Track
		transport     Transport
	}{
		{"rts2.2.7", fixture(t, "play-rts2.2.7.offer.sdp"), plainH264, opus, ours},
		{"rts2.7.2", fixture(t, "play-rts2.7.2.offer.sdp"), main, opusMono, ours},
		{"rts2.7.2-no-audio", fixture(t, "play-rts2.7.2.offer.sdp"), main, nil, ours},
		{"gstreamer", fixture(t, "whep-gst-g.sdp"), high, opus, ours},
		{"aiortc", fixture(t, "whep-aio-P.sdp"), plainH264, opus, withActive},
		{"firefox-audio", fixture(t, "whep-ffox-M.sdp"), nil, opus, ours},
		{"native-adts", native("MP4A-ADTS/44100/2", "", "bframe-enabled=1;"), bframes, aacLC, ours},
		{"native-latm", native("MP4A-LATM/24000/2", "a=fmtp:97 profile-level-id=30;object=2;cpresent=0\n", "BFrame-enabled=1;"), bframes, aacHE, ours},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			o := parse(t, tt.offer)
			s, err := o.SelectPlay(tt.video, tt.audio)
			if err != nil {
				t.Fatal(err)
			}
			got := o.Answer(s, tt.transport)
			checkAnswer(t, o, s, tt.transport)
			file := filepath.Join("testdata", "golden", tt.golden+".answer.sdp")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := fixture(t, filepath.Join("golden", tt.golden+".answer.sdp")); got != want {
				t.Errorf("answer differs from %s:\n%s", file, got)
			}
		})
	}
}
