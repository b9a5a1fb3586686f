package sdp

import "strings"

// fmtp returns the format parameters of the answer for the payload type p.
func (f *Format) fmtp(p *Payload) string {
	switch f.Framing {
	case FramingOpus:
		if f.Stereo {
			return with(p.Fmtp, "stereo=1", "sprop-stereo=1")
		}
		return p.Fmtp
	default:
		return p.Fmtp
	}
}

// with adds parameters to a fmtp value, replacing those of the same name.
func with(fmtp string, params ...string) string {
	var out []string
	for kv := range strings.SplitSeq(fmtp, ";") {
		kv = strings.TrimSpace(kv)
		name, _, _ := strings.Cut(kv, "=")
		replaced := kv == ""
		for _, p := range params {
			n, _, _ := strings.Cut(p, "=")
			replaced = replaced || strings.EqualFold(n, strings.TrimSpace(name))
		}
		if !replaced {
			out = append(out, kv)
		}
	}
	return strings.Join(append(out, params...), ";")
}
