package sdp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"millrace/internal/media"
	"millrace/internal/reason"
)

func videoOf(c media.Codec) *media.Track { return &media.Track{Kind: media.Video, Codec: c} }

// viewerOf is the offer of a viewer whose video line says lines.
func viewerOf(lines string) string {
	return strings.Replace(plain, "SAVPF 96\n", "SAVPF 96 97 98 99 100 101\n", 1)[:strings.Index(plain, "a=rtpmap")+len(" 97 98 99 100 101")] + lines
}

// A viewer is sent what the stream has, and could be sent the others that it
// offers.
func TestSelectCarried(t *testing.T) {
	for _, tt := range []struct {
		file   string
		codec  media.Codec
		pt     uint8
		others []media.Codec
		pts    []uint8
	}{
		{"play-rts2.2.7.offer.sdp", media.H264, 108, []media.Codec{media.VP8, media.VP9, media.AV1}, []uint8{96, 98, 45}},
		{"play-rts2.2.7.offer.sdp", media.VP8, 96, []media.Codec{media.H264, media.VP9, media.AV1}, []uint8{108, 98, 45}},
		{"whep-n-M.sdp", media.VP9, 98, []media.Codec{media.H264, media.VP8, media.AV1}, []uint8{108, 96, 45}},
		{"whep-n-M.sdp", media.AV1, 45, []media.Codec{media.H264, media.VP8, media.VP9}, []uint8{108, 96, 98}},
		{"whep-aio-P.sdp", media.VP8, 97, []media.Codec{media.H264}, []uint8{101}},
		{"whep-ffox-M.sdp", media.VP8, 120, []media.Codec{media.VP9, media.AV1}, []uint8{121, 99}},
		{"whep-gst-g.sdp", media.H264, 96, nil, nil},
	} {
		o := parse(t, fixture(t, tt.file))
		s, err := o.SelectPlay(videoOf(tt.codec), opus)
		if err != nil {
			t.Errorf("%s, %s: %v", tt.file, tt.codec, err)
			continue
		}
		if s.Video.Codec != tt.codec || s.Video.PT != tt.pt || s.Video.Framing != videoCodecOf(tt.codec).framing || s.Video.ClockRate != 90000 {
			t.Errorf("%s, %s: %+v", tt.file, tt.codec, s.Video)
		}
		var codecs []media.Codec
		var pts []uint8
		for _, f := range s.Others {
			codecs, pts = append(codecs, f.Codec), append(pts, f.PT)
			if f.RTXPT != o.Media[f.MLine].rtx(f.PT) || f.NACK != s.Video.NACK || f.MLine != s.Video.MLine || f.Ext != s.Video.Ext {
				t.Errorf("%s, %s: %+v beside %+v", tt.file, tt.codec, f, s.Video)
			}
		}
		if !slices.Equal(codecs, tt.others) || !slices.Equal(pts, tt.pts) {
			t.Errorf("%s, %s: others %v as %v", tt.file, tt.codec, codecs, pts)
		}
		checkAnswer(t, o, s, ours)
	}
}

func TestCarriedRefused(t *testing.T) {
	chromium, gst := fixture(t, "whep-n-M.sdp"), fixture(t, "whep-gst-g.sdp")
	for _, tt := range []struct {
		offer string
		track *media.Track
		want  string
	}{
		{gst, videoOf(media.VP8), "the stream's video is VP8; the offer takes H264"},
		{chromium, videoOf(media.H265), "the stream's video is H265; the offer takes VP8, VP9, H264, H264 without packetization-mode=1, AV1"},
		{viewerOf("a=rtpmap:96 VP8/90000\na=rtpmap:97 red/90000\n"), plainH264, "the stream's video is H264; the offer takes VP8, payload type 98"},
		{viewerOf("a=rtpmap:96 VP9/90000\na=fmtp:96 profile-id=2\n"), videoOf(media.VP9), "the stream's video is VP9; the offer takes VP9"},
		{viewerOf("a=rtpmap:96 " + strings.Repeat("x", 99) + "/90000\n"), videoOf(media.VP9), "takes " + strings.Repeat("x", 40) + ", payload"},
		{chromium, &media.Track{Kind: media.Video, Codec: media.AAC}, "cannot be sent over WebRTC"},
	} {
		_, err := parse(t, tt.offer).SelectPlay(tt.track, opus)
		var m *Mismatch
		if !errors.As(err, &m) || m.Reason != reason.Codec || !strings.Contains(m.Detail, tt.want) {
			t.Errorf("%s: got %v, want %q", tt.track.Codec, err, tt.want)
		}
	}
}

func TestSelectH265(t *testing.T) {
	main10 := &media.Track{Kind: media.Video, Codec: media.H265, Params: [][]byte{{0x40, 1}, {0x42, 1, 1, 0x22}, {0x44, 1}}}
	const (
		three = "a=rtpmap:96 H265/90000\na=fmtp:96 profile-id=3\na=rtpmap:97 H265/90000\na=rtpmap:98 h265/90000\na=fmtp:98 level-id=93;profile-id=2;tier-flag=1;tx-mode=SRST\n"
		other = "a=rtpmap:96 H265/90000\na=fmtp:96 profile-id=3;bframe-enabled=1\n"
		ext   = "a=extmap:3 uri:ietf:rtc:rtp-hdrext:video:CompositionTime\n"
	)
	for _, tt := range []struct {
		name, lines string
		track       *media.Track
		pt          uint8
	}{
		{"main 10", three, main10, 98},
		{"unknown is main, and so is silence", three, videoOf(media.H265), 97},
		{"any rather than none", other, main10, 96},
	} {
		s, err := parse(t, viewerOf(tt.lines)).SelectPlay(tt.track, nil)
		if err != nil || s.Video.PT != tt.pt || s.Video.BFrames {
			t.Errorf("%s: %+v, %v", tt.name, s.Video, err)
		}
	}
	reordered := &media.Track{Kind: media.Video, Codec: media.H265, Reorder: true}
	if s, err := parse(t, viewerOf(other+ext)).SelectPlay(reordered, nil); err != nil || !s.Video.BFrames || s.Video.Ext.CompositionTime != 3 {
		t.Errorf("B-frames: %+v, %v", s.Video, err)
	}
	var m *Mismatch
	if _, err := parse(t, viewerOf(other)).SelectPlay(reordered, nil); !errors.As(err, &m) || m.Reason != reason.BFrames {
		t.Errorf("B-frames without their extension: %v", err)
	}
}
