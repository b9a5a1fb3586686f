package sdp

import (
	"encoding/hex"
	"strconv"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// selectVideo returns nil without an error when there is nothing to send or
// the offer asks for no picture.
func (o *Offer) selectVideo(t *media.Track) (f *Format, others []*Format, err error) {
	line := o.line("video", Direction.Receives)
	if t == nil || line < 0 {
		return nil, nil, nil
	}
	m := &o.Media[line]
	if f, err = m.sendVideo(line, t); err != nil {
		return nil, nil, err
	}
	for _, c := range videoCodecs {
		if c.codec == t.Codec {
			continue
		}
		if other, err := m.sendVideo(line, &media.Track{Kind: media.Video, Codec: c.codec}); err == nil {
			others = append(others, other)
		}
	}
	return f, others, nil
}

// sendVideo chooses the payload type that a track is sent in. The error is a
// *Mismatch.
func (m *Media) sendVideo(line int, t *media.Track) (*Format, error) {
	c := videoCodecOf(t.Codec)
	if c == nil {
		return nil, &Mismatch{reason.Codec, "the stream's video is " + t.Codec.String() + ", which cannot be sent over WebRTC"}
	}
	if m.find(c.match) == nil {
		return nil, &Mismatch{reason.Codec, "the stream's video is " + t.Codec.String() + "; the offer takes " + m.names()}
	}
	composition := m.composition(Direction.Receives)
	reorders := func(p *Payload) bool { return composition != 0 && c.reorders && takesBFrames(p) }
	allowed := c.match
	if t.Reorder {
		allowed = func(p *Payload) bool { return c.match(p) && reorders(p) }
		if m.find(allowed) == nil {
			return nil, &Mismatch{reason.BFrames, "the stream has B-frames and the offer does not announce that it can reorder pictures"}
		}
	}
	p := m.find(allowed)
	switch t.Codec {
	case media.H264:
		p = m.bestH264(t, allowed)
	case media.H265:
		p = m.bestH265(t, allowed)
	}
	f := m.format(Direction.Receives, line, t.Codec, c.framing, p)
	f.Ext.PlayoutDelay = m.extension(Direction.Receives, uriPlayoutDelay)
	if f.BFrames = reorders(p); f.BFrames {
		f.Ext.CompositionTime = composition
	}
	return f, nil
}

// isH264 wants packetization-mode=1: whole access units do not fit mode 0,
// which has no fragments (RFC 6184 section 6.2).
func isH264(p *Payload) bool {
	mode, _ := p.param("packetization-mode")
	return p.is("H264") && p.ClockRate == 90000 && mode == "1"
}

// takesBFrames reads the native clients' announcement; browsers make none.
func takesBFrames(p *Payload) bool {
	v, _ := p.param("bframe-enabled")
	return v == "1"
}

// bestH264 prefers the source's own profile, then the profiles that every
// decoder has. Decoders take what the parameter sets say, whatever the profile
// of the payload type, so any is better than none.
func (m *Media) bestH264(t *media.Track, allowed func(*Payload) bool) *Payload {
	src, known := trackProfile(t)
	for _, match := range []func(profile) bool{
		func(p profile) bool { return known && p == src },
		func(p profile) bool { return known && p.canonical() == src.canonical() },
		func(p profile) bool { return p == constrainedBaseline },
		func(p profile) bool { return p == baseline },
	} {
		if p := m.find(func(p *Payload) bool { return allowed(p) && match(payloadProfile(p)) }); p != nil {
			return p
		}
	}
	return m.find(allowed)
}

// profile is profile_idc and the constraint flags of a profile-level-id.
type profile struct{ idc, iop uint8 }

var (
	baseline            = profile{idc: 0x42}
	constrainedBaseline = profile{0x42, 0xe0}
)

// trackProfile reads bytes 1 and 2 of the SPS.
func trackProfile(t *media.Track) (profile, bool) {
	if len(t.Params) == 0 || len(t.Params[0]) < 4 {
		return profile{}, false
	}
	return profile{t.Params[0][1], t.Params[0][2]}, true
}

// payloadProfile is baseline when nothing is said (RFC 6184 section 8.1).
func payloadProfile(p *Payload) profile {
	id, ok := p.param("profile-level-id")
	raw, err := hex.DecodeString(id)
	if !ok || err != nil || len(raw) != 3 {
		return baseline
	}
	return profile{raw[0], raw[1]}
}

// canonical gives all spellings of one profile the same value (RFC 6184
// section 8.1, table 5): constrained baseline has eight of them.
func (p profile) canonical() profile {
	const set0, set1, set3 = 0x80, 0x40, 0x10
	switch {
	case p.idc == 0x42 && p.iop&set1 != 0,
		p.idc == 0x4d && p.iop&set0 != 0,
		p.idc == 0x58 && p.iop&(set0|set1) == set0|set1:
		return constrainedBaseline
	case p.idc == 0x42, p.idc == 0x58 && p.iop&(set0|set1) == set0:
		return baseline
	case p.idc == 0x4d:
		return profile{0x4d, 0x00}
	default:
		return profile{p.idc, p.iop & set3}
	}
}

// rtx returns the payload type that retransmits pt (RFC 4588 section 8.6), or 0.
func (m *Media) rtx(pt uint8) uint8 {
	p := m.find(func(p *Payload) bool {
		apt, ok := p.param("apt")
		return ok && p.is("rtx") && apt == strconv.Itoa(int(pt))
	})
	if p == nil {
		return 0
	}
	return p.PT
}
