package client

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// Header extensions. Composition time is that of draft-deping-avtcore-video-bframe.
const (
	uriTransportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	uriComposition = "uri:ietf:rtc:rtp-hdrext:video:CompositionTime"
)

// MIME types of AAC over RTP.
const (
	mimeADTS = "audio/MP4A-ADTS"
	mimeLATM = "audio/MP4A-LATM"
)

// format is one payload type in an offer.
type format struct {
	mime     string
	rate     int
	channels int
	fmtp     string
}

// played is the format as the receiver of its packets sees it.
func (f *format) played(kind webrtc.RTPCodecType) playFormat {
	p := playFormat{kind: media.Audio, codec: media.AAC, rate: int64(f.rate), latm: f.mime == mimeLATM}
	switch {
	case kind == webrtc.RTPCodecTypeVideo:
		p.kind, p.codec = media.Video, media.H264
	case f.mime == webrtc.MimeTypeOpus:
		p.codec = media.Opus
	}
	return p
}

// offerer collects what an offer lists: payload types from 96 on, each with
// another one to repeat its packets (RFC 4588). Repeats under the first number
// would not do: their transport-wide numbers differ, and SRTP must not seal two
// texts under one number.
type offerer struct {
	engine  *webrtc.MediaEngine
	next    webrtc.PayloadType
	formats map[uint8]playFormat
	err     error
}

func newOfferer() *offerer {
	return &offerer{engine: &webrtc.MediaEngine{}, next: 96, formats: map[uint8]playFormat{}}
}

func (o *offerer) add(kind webrtc.RTPCodecType, f format) {
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: webrtc.TypeRTCPFBTransportCC}}
	if kind == webrtc.RTPCodecTypeVideo {
		feedback = append(feedback, webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTCPFeedback{Type: "ccm", Parameter: "fir"})
	}
	pt := o.next
	o.next += 2
	o.formats[uint8(pt)] = f.played(kind)
	o.register(kind, webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: f.mime, ClockRate: uint32(f.rate), Channels: uint16(f.channels), SDPFmtpLine: f.fmtp, RTCPFeedback: feedback,
	}})
	o.register(kind, webrtc.RTPCodecParameters{PayloadType: pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeRTX, ClockRate: uint32(f.rate), SDPFmtpLine: "apt=" + strconv.Itoa(int(pt)),
	}})
}

func (o *offerer) register(kind webrtc.RTPCodecType, p webrtc.RTPCodecParameters) {
	if err := o.engine.RegisterCodec(p, kind); err != nil && o.err == nil {
		o.err = fmt.Errorf("offer %s: %w", p.MimeType, err)
	}
}

func (o *offerer) extend(kind webrtc.RTPCodecType, uris ...string) {
	for _, uri := range uris {
		if err := o.engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil && o.err == nil {
			o.err = fmt.Errorf("offer extension: %w", err)
		}
	}
}

// video offers H264 with a profile, and B-frames if they are to be sent or can
// be received.
func (o *offerer) video(profile string, bFrames bool) {
	fmtp := "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile
	if bFrames {
		fmtp += ";bframe-enabled=1"
	}
	o.add(webrtc.RTPCodecTypeVideo, format{webrtc.MimeTypeH264, 90000, 0, fmtp})
}

// opusFormat always has two channels (RFC 7587 section 7).
func opusFormat(stereo bool) format {
	fmtp := "minptime=10;useinbandfec=1"
	if stereo {
		fmtp += ";stereo=1;sprop-stereo=1"
	}
	return format{webrtc.MimeTypeOpus, 48000, 2, fmtp}
}

// offerPlay lists what can be played: the original media of any stream.
func offerPlay(o *PlayOptions) (*offerer, error) {
	f := newOfferer()
	if !o.NoVideo {
		for _, profile := range []string{"640032", "4d0032", "42e01f"} {
			f.video(profile, true)
		}
		f.extend(webrtc.RTPCodecTypeVideo, uriTransportCC, uriCaptureTime, uriComposition)
	}
	if !o.NoAudio {
		for _, rate := range []int{48000, 44100, 32000, 24000, 22050, 16000} {
			f.add(webrtc.RTPCodecTypeAudio, aacFormat(o.LATM, rate, 2, ""))
		}
		f.add(webrtc.RTPCodecTypeAudio, opusFormat(true))
		f.extend(webrtc.RTPCodecTypeAudio, uriTransportCC, uriCaptureTime)
	}
	return f, f.err
}

func aacFormat(latm bool, rate, channels int, fmtp string) format {
	if latm {
		return format{mimeLATM, rate, channels, "cpresent=0" + fmtp}
	}
	return format{mimeADTS, rate, channels, ""}
}

// offerPublish lists exactly what is sent.
func offerPublish(video, audio *media.Track, latm bool) (*webrtc.MediaEngine, error) {
	f := newOfferer()
	if video != nil {
		f.video(profileOf(video), video.Reorder)
		f.extend(webrtc.RTPCodecTypeVideo, uriTransportCC, uriCaptureTime)
		if video.Reorder {
			f.extend(webrtc.RTPCodecTypeVideo, uriComposition)
		}
	}
	if audio != nil {
		audioFormat, err := publishFormat(audio, latm)
		if err != nil {
			return nil, err
		}
		f.add(webrtc.RTPCodecTypeAudio, audioFormat)
		f.extend(webrtc.RTPCodecTypeAudio, uriTransportCC, uriCaptureTime)
	}
	return f.engine, f.err
}

// publishFormat describes sound. LATM says its configuration here and not in
// the packets (RFC 6416 section 7.4).
func publishFormat(t *media.Track, latm bool) (format, error) {
	if t.Codec == media.Opus {
		return opusFormat(t.Channels != 1), nil
	}
	fmtp := ""
	if latm {
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return format{}, &TrackError{Audio, AAC, err.Error()}
		}
		mux, err := aac.StreamMuxConfig(c)
		if err != nil {
			return format{}, &TrackError{Audio, AAC, err.Error()}
		}
		fmtp = ";object=" + strconv.Itoa(c.ObjectType) + ";config=" + hex.EncodeToString(mux)
	}
	return aacFormat(latm, t.SampleRate, t.Channels, fmtp), nil
}

// profileOf is the profile-level-id of video (RFC 6184 section 8.1). What is
// not known yet is announced as the profile that everybody decodes.
func profileOf(t *media.Track) string {
	for _, p := range t.Params {
		if h264.Type(p) == h264.TypeSPS && len(p) >= 4 {
			return hex.EncodeToString(p[1:4])
		}
	}
	return "42e01f"
}
