package sdp

import (
	"encoding/hex"
	"strconv"
	"strings"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// selectAudio returns nil when there is nothing to send or nothing fits.
func (o *Offer) selectAudio(t *media.Track) *Format {
	line := o.line("audio", Direction.Receives)
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
		f := m.format(Direction.Receives, line, media.Opus, FramingOpus, p)
		f.Stereo = t.Channels != 1 // a source that does not say may be either
		f.RED = m.red(p.PT)
		return f
	case media.AAC:
		p := m.bestAAC(t)
		if p == nil {
			return nil
		}
		f := m.format(Direction.Receives, line, media.AAC, aacFraming(p), p)
		f.Stereo = t.Channels == 2
		f.Config = t.Config
		return f
	}
	return nil
}

// isOpus wants what RFC 7587 section 7 fixes: 48 kHz, two channels.
func isOpus(p *Payload) bool { return p.is("opus") && p.ClockRate == 48000 && p.Channels == 2 }

// red returns the payload type that carries pt redundantly, or 0.
func (m *Media) red(pt uint8) uint8 {
	p := m.find(func(p *Payload) bool {
		first, _, _ := strings.Cut(p.Fmtp, "/")
		return p.is("red") && p.ClockRate == 48000 && p.Channels == 2 && first == strconv.Itoa(int(pt))
	})
	if p == nil {
		return 0
	}
	return p.PT
}

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

// bestAAC prefers an RTP clock that counts the source's samples, those heard
// or those before SBR doubles them, so that timestamps need no rounding. Any
// clock will do.
func (m *Media) bestAAC(t *media.Track) *Payload {
	c, err := aac.ParseConfig(t.Config)
	if err != nil {
		return nil // neither framing can be made without it
	}
	_, err = aac.StreamMuxConfig(c)
	latm := err == nil
	for _, rate := range []int{c.OutputRate, c.CoreRate, 0} {
		p := m.find(func(p *Payload) bool {
			f := aacFraming(p)
			return (rate == 0 || p.ClockRate == rate) && (f == FramingADTS || f == FramingLATM && latm)
		})
		if p != nil {
			return p
		}
	}
	return nil
}

// latmParams are the format parameters of RFC 6416 section 7.3 that depend on
// the source: the configuration stands here, not in the packets.
func latmParams(config []byte) []string {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return nil
	}
	mux, err := aac.StreamMuxConfig(c)
	if err != nil {
		return nil
	}
	object := c.ObjectType
	switch {
	case c.PS:
		object = aac.ObjectPS
	case c.SBR:
		object = aac.ObjectSBR
	}
	return []string{
		"PS-enabled=" + digit(c.PS), "SBR-enabled=" + digit(c.SBR),
		"cpresent=0", "object=" + strconv.Itoa(object), "config=" + hex.EncodeToString(mux),
	}
}

func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
