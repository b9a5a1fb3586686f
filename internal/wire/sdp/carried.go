package sdp

import (
	"strconv"
	"strings"

	"millrace/internal/media"
)

// videoCodec is how one codec stands in a description.
type videoCodec struct {
	codec    media.Codec
	framing  Framing
	match    func(*Payload) bool
	reorders bool // there are B-frames in it
}

// videoCodecs are those that can be sent over WebRTC, in the order in which an
// answer lists them. All but H264 are carried: forwarded as they come.
var videoCodecs = []videoCodec{
	{media.H264, FramingH264, isH264, true},
	{media.VP8, FramingVP8, isVP8, false},
	{media.VP9, FramingVP9, isVP9, false},
	{media.AV1, FramingAV1, isAV1, false},
	{media.H265, FramingH265, isH265, true},
}

// videoCodecOf returns nil for what is no video of WebRTC.
func videoCodecOf(c media.Codec) *videoCodec {
	for i := range videoCodecs {
		if videoCodecs[i].codec == c {
			return &videoCodecs[i]
		}
	}
	return nil
}

func isVP8(p *Payload) bool { return p.is("VP8") && p.ClockRate == 90000 }

// isVP9 and isAV1 want profile 0, which every decoder has and which is meant
// when nothing is said (RFC 9628; the RTP specification of AV1).
func isVP9(p *Payload) bool {
	return p.is("VP9") && p.ClockRate == 90000 && p.atMost("profile-id", 0)
}

func isAV1(p *Payload) bool {
	return p.is("AV1") && p.ClockRate == 90000 && p.atMost("profile", 0)
}

// isH265 takes any profile, tier and level, and units in decode order on one
// stream (RFC 7798 section 7.1).
func isH265(p *Payload) bool {
	mode, ok := p.param("tx-mode")
	return p.is("H265") && p.ClockRate == 90000 && (!ok || strings.EqualFold(mode, "SRST")) && p.atMost("sprop-max-don-diff", 0)
}

// bestH265 prefers the source's own profile, then Main, which is meant when
// nothing is said (RFC 7798 section 7.1). Tiers and levels are not compared:
// decoders take more than they say.
func (m *Media) bestH265(t *media.Track, allowed func(*Payload) bool) *Payload {
	const main = "1"
	want := main
	if len(t.Params) > 1 && len(t.Params[1]) > 3 { // the SPS: header, then general_profile_idc in byte 3
		want = strconv.Itoa(int(t.Params[1][3] & 31))
	}
	for _, id := range []string{want, main} {
		p := m.find(func(p *Payload) bool {
			said, ok := p.param("profile-id")
			return allowed(p) && (said == id || !ok && id == main)
		})
		if p != nil {
			return p
		}
	}
	return m.find(allowed)
}

// atMost says whether a parameter is a number up to most, or not there.
func (p *Payload) atMost(name string, most uint64) bool {
	v, ok := p.param(name)
	if !ok {
		return true
	}
	n, err := strconv.ParseUint(v, 10, 32)
	return err == nil && n <= most
}

// names lists the codecs of a line for an error message, those of feedback and
// repair left out.
func (m *Media) names() string {
	const most = 8
	var out []string
	seen := make(map[string]bool)
	for i := range m.Payloads {
		p := &m.Payloads[i]
		name := p.Name
		switch strings.ToLower(name) {
		case "rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event":
			continue
		case "":
			name = "payload type " + strconv.Itoa(int(p.PT))
		case "h264":
			if !isH264(p) {
				name += " without packetization-mode=1"
			}
		}
		if name = name[:min(len(name), 40)]; seen[name] {
			continue
		}
		seen[name] = true
		if len(out) == most {
			out = append(out, "others")
			break
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return "no codec"
	}
	return strings.Join(out, ", ")
}
