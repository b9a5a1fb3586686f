package sdp

import (
	"encoding/hex"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// takeAudio returns nil without an error when the offer sends no sound.
func (o *Offer) takeAudio() (*Source, error) {
	line := o.line("audio", Direction.Sends)
	if line < 0 {
		return nil, nil
	}
	m := &o.Media[line]
	if p := m.find(sendsOpus); p != nil {
		s := m.source(line, media.Opus, FramingOpus, p)
		sprop, _ := p.param("sprop-stereo")
		s.Stereo = sprop != "0" // a source that does not say may be either
		return s, nil
	}
	for i := range m.Payloads {
		p := &m.Payloads[i]
		switch aacFraming(p) {
		case FramingADTS:
			s := m.source(line, media.AAC, FramingADTS, p)
			s.Stereo = p.Channels == 2
			return s, nil
		case FramingLATM:
			config := latmConfig(p)
			if config == nil {
				continue
			}
			s := m.source(line, media.AAC, FramingLATM, p)
			s.Stereo, s.Config = p.Channels == 2, config
			return s, nil
		}
	}
	return nil, &Mismatch{reason.Codec, "the offer's audio is " + m.names() + "; this server takes Opus, or AAC as MP4A-ADTS or as MP4A-LATM with its config"}
}

// sendsOpus also takes an offer that leaves the channel count out: what comes
// is Opus all the same.
func sendsOpus(p *Payload) bool {
	return p.is("opus") && p.ClockRate == 48000 && p.Channels <= 2
}

// latmConfig returns the AudioSpecificConfig of a MP4A-LATM payload type, nil
// unless the configuration stands in the description (RFC 6416 section 7.3).
func latmConfig(p *Payload) []byte {
	if present, _ := p.param("cpresent"); present == "1" {
		return nil
	}
	text, _ := p.param("config")
	mux, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	config, err := aac.ParseStreamMuxConfig(mux)
	if err != nil {
		return nil
	}
	return config
}
