package sdp

import "millrace/internal/media"

// selectAudio returns nil when there is nothing to send or nothing fits.
func (o *Offer) selectAudio(t *media.Track) *Format {
	line := o.line("audio")
	if t == nil || line < 0 {
		return nil
	}
	m := &o.Media[line]
	switch t.Codec {
	case media.Opus:
		p := m.find(isOpus)
		if p == nil {
			return nil
		}
		f := m.format(line, media.Opus, FramingOpus, p)
		f.Stereo = t.Channels != 1 // RTP always says two; the packets say how many
		return f
	case media.AAC:
		p := m.bestAAC(t)
		if p == nil {
			return nil
		}
		f := m.format(line, media.AAC, aacFraming(p), p)
		f.Stereo = t.Channels == 2
		f.Config = t.Config
		return f
	}
	return nil
}

// isOpus wants what RFC 7587 section 7 fixes: 48 kHz, two channels.
func isOpus(p *Payload) bool { return p.is("opus") && p.ClockRate == 48000 && p.Channels == 2 }

// aacFraming returns 0 for what is not AAC.
func aacFraming(p *Payload) Framing {
	switch {
	case p.is("MP4A-ADTS"):
		return FramingADTS
	case p.is("MP4A-LATM"):
		return FramingLATM
	}
	return 0
}

// bestAAC prefers the RTP clock that counts the source's samples, so that
// timestamps need no rounding; any clock will do.
func (m *Media) bestAAC(t *media.Track) *Payload {
	for _, rate := range []int{t.SampleRate, coreRate(t), 0} {
		p := m.find(func(p *Payload) bool { return aacFraming(p) != 0 && (rate == 0 || p.ClockRate == rate) })
		if p != nil {
			return p
		}
	}
	return nil
}

// coreRate is the rate before SBR doubles it (ISO 14496-3 section 1.6.3).
func coreRate(t *media.Track) int { return t.SampleRate / 2 }
