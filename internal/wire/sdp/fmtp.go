package sdp

import (
	"strings"

	"millrace/internal/media"
)

// fmtp returns the format parameters of the answer for the payload type p:
// those offered, with what the source adds. sprop-stereo announces what comes;
// Chromium decodes two channels only where its own offer says stereo=1, and
// one otherwise, whatever the answer says. Firefox's offers say it.
func (f *Format) fmtp(p *Payload) string {
	switch {
	case f.Framing == FramingOpus && f.Stereo:
		return with(p.Fmtp, "stereo=1", "sprop-stereo=1") // RFC 7587 section 6.1
	case f.Framing == FramingLATM:
		return with(p.Fmtp, latmParams(f.Config)...)
	}
	return p.Fmtp
}

// with adds parameters to a fmtp value, replacing those of the same name.
func with(fmtp string, params ...string) string {
	set := make(map[string]bool, len(params))
	for _, p := range params {
		set[paramName(p)] = true
	}
	var out []string
	for kv := range strings.SplitSeq(fmtp, ";") {
		if kv = strings.TrimSpace(kv); kv != "" && !set[paramName(kv)] {
			out = append(out, kv)
		}
	}
	return strings.Join(append(out, params...), ";")
}

func paramName(kv string) string {
	name, _, _ := strings.Cut(kv, "=")
	return strings.ToLower(strings.TrimSpace(name))
}

// fmtp returns the format parameters of the answer to a publisher. Those of
// Opus speak for the receiver alone (RFC 7587 section 7.1): stereo=1 makes
// Chromium encode two channels where it has them. The others are echoed, but
// for what the offerer says of its own streams or of what it can decode.
func (s *Source) fmtp(p *Payload) string {
	switch {
	case s.Framing == FramingOpus:
		return "minptime=10;stereo=1;useinbandfec=1"
	case s.Codec == media.AAC:
		return p.Fmtp
	}
	var out []string
	for kv := range strings.SplitSeq(p.Fmtp, ";") {
		kv = strings.TrimSpace(kv)
		name := paramName(kv)
		switch {
		case kv == "", strings.HasPrefix(name, "sprop-"), strings.HasPrefix(name, "max-"):
		case name == "bframe-enabled" && !s.BFrames:
			out = append(out, "bframe-enabled=0")
		default:
			out = append(out, kv)
		}
	}
	return strings.Join(out, ";")
}
