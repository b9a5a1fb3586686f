package sdp

import (
	"millrace/internal/media"
	"millrace/internal/reason"
)

// Framing says how access units become RTP payloads.
type Framing uint8

// The framings.
const (
	FramingH264 Framing = iota + 1 // RFC 6184, packetization-mode=1
	FramingOpus                    // RFC 7587
	FramingADTS                    // one ADTS frame per packet
	FramingLATM                    // RFC 6416, StreamMuxConfig out of band
	FramingVP8                     // RFC 7741
	FramingVP9                     // RFC 9628
	FramingAV1                     // the AV1 RTP specification of AOMedia
	FramingH265                    // RFC 7798
)

// Extensions are the negotiated ids of RTP header extensions, 1 to 14 and so
// fit for the one-byte form; 0 means not negotiated.
type Extensions struct {
	TransportCC     uint8 // transport-wide sequence number
	PlayoutDelay    uint8 // least and most playout delay
	AbsCaptureTime  uint8 // capture wall-clock
	CompositionTime uint8 // PTS - DTS, for B-frames
	MID             uint8 // of a publisher: which m-line (RFC 9143)
	RID             uint8 // of a publisher: which simulcast layer (RFC 8852)
	RepairedRID     uint8 // of a publisher: which layer a repeat belongs to
}

// Format is one RTP stream towards the viewer, or from the publisher.
type Format struct {
	Codec     media.Codec
	PT, RTXPT uint8 // RTXPT 0: no retransmission stream
	RED       uint8 // payload type of Opus with what was before it (RFC 2198); 0: the peer takes none
	ClockRate int   // Hz, of the RTP timestamps
	Framing   Framing
	// What feedback the peer sends (RFC 4585, RFC 5104).
	NACK, PLI, FIR, TransportCC, REMB bool
	// BFrames says that the peer reorders pictures and reads the composition
	// time extension: frames go out in decode order, stamped with DTS.
	BFrames bool
	Ext     Extensions
	// Stereo says that the sound has two channels.
	Stereo bool
	// MLine is the index in Offer.Media.
	MLine int
	// Config is the AudioSpecificConfig that FramingLATM announces.
	Config []byte
}

// Selection is what an offer gets. A nil medium is answered inactive.
type Selection struct {
	Video, Audio *Format
	// Others are further video formats on Video's m-line, one per codec that
	// the viewer can also be sent: a publisher may come back with another one.
	Others []*Format
}

// Mismatch is the error of SelectPlay and SelectPublish: the offer and the
// stream, or what the server takes, have nothing, or not enough, in common.
type Mismatch struct {
	Reason reason.Reason // reason.Codec, reason.BFrames or reason.BadRequest
	Detail string        // a sentence for the peer
}

func (m *Mismatch) Error() string { return string(m.Reason) + ": " + m.Detail }

// SelectPlay chooses how to send the tracks to the offerer; a nil track is one
// that the stream lacks or that the viewer does not want. Video that the offer
// asks for and cannot take is an error. Sound that it cannot take is left out
// as long as there is a picture. The error is a *Mismatch.
func (o *Offer) SelectPlay(video, audio *media.Track) (Selection, error) {
	var s Selection
	var err error
	if s.Video, s.Others, err = o.selectVideo(video); err != nil {
		return Selection{}, err
	}
	s.Audio = o.selectAudio(audio)
	if s.Video != nil || s.Audio != nil {
		return s, nil
	}
	return Selection{}, &Mismatch{Reason: reason.Codec, Detail: o.nothing(video, audio)}
}

// nothing says why neither medium is sent.
func (o *Offer) nothing(video, audio *media.Track) string {
	switch {
	case video == nil && audio == nil:
		return "the stream has none of the media that were asked for"
	case !o.Wants(media.Video) && !o.Wants(media.Audio):
		return "the offer does not ask to receive audio or video"
	case audio != nil && o.Wants(media.Audio):
		return "the offer takes no " + audio.Codec.String() + " audio"
	default:
		return "the stream has no medium that the offer asks to receive"
	}
}

// TakesAAC says whether the offerer receives AAC, in ADTS or LATM.
func (o *Offer) TakesAAC() bool {
	return o.takes("audio", func(p *Payload) bool { return aacFraming(p) != 0 })
}

// TakesOpus says whether the offerer receives Opus.
func (o *Offer) TakesOpus() bool { return o.takes("audio", isOpus) }

func (o *Offer) takes(kind string, match func(*Payload) bool) bool {
	i := o.line(kind, Direction.Receives)
	return i >= 0 && o.Media[i].find(match) != nil
}

// Wants says whether the offerer asks to receive a kind at all.
func (o *Offer) Wants(k media.Kind) bool { return o.line(k.String(), Direction.Receives) >= 0 }

// line returns the index of the first m-line on which a kind can flow, or -1.
func (o *Offer) line(kind string, flows flow) int {
	for i := range o.Media {
		if o.Media[i].usable(kind, flows) {
			return i
		}
	}
	return -1
}

// lines counts the m-lines on which a kind can flow.
func (o *Offer) lines(kind string, flows flow) (n int) {
	for i := range o.Media {
		if o.Media[i].usable(kind, flows) {
			n++
		}
	}
	return n
}

// find returns the first payload type that matches, or nil.
func (m *Media) find(match func(*Payload) bool) *Payload {
	for i := range m.Payloads {
		if match(&m.Payloads[i]) {
			return &m.Payloads[i]
		}
	}
	return nil
}

// of returns the payload type pt, which the line lists.
func (m *Media) of(pt uint8) *Payload {
	return m.find(func(p *Payload) bool { return p.PT == pt })
}

// format fills in what does not depend on the codec.
func (m *Media) format(flows flow, line int, c media.Codec, f Framing, p *Payload) *Format {
	fb := p.feedback
	out := &Format{
		Codec: c, Framing: f, PT: p.PT, ClockRate: p.ClockRate, MLine: line,
		RTXPT: m.rtx(p.PT),
		NACK:  fb.nack, PLI: fb.pli, FIR: fb.fir, REMB: fb.remb,
	}
	out.Ext.AbsCaptureTime = m.extension(flows, uriAbsCaptureTime)
	if fb.transportCC {
		out.Ext.TransportCC = m.extension(flows, uriTransportCC)
		out.TransportCC = out.Ext.TransportCC != 0
	}
	return out
}
