package sdp

import (
	"millrace/internal/media"
	"millrace/internal/reason"
)

// takeVideo returns nil without an error when the offer sends no picture.
func (o *Offer) takeVideo(in Ingest) (*Source, error) {
	line := o.line("video", Direction.Sends)
	if line < 0 {
		return nil, nil
	}
	m := &o.Media[line]
	composition := m.composition(Direction.Sends)
	p, c := m.ingestVideo(in, composition != 0)
	if p == nil {
		want := "H264 with packetization-mode=1"
		if in.Carried {
			want += ", VP8, VP9 and AV1 of profile 0, or H265"
		}
		return nil, &Mismatch{reason.Codec, "the offer's video is " + m.names() + "; this server takes " + want}
	}
	s := m.source(line, c.codec, c.framing, p)
	if s.BFrames = composition != 0 && c.reorders && takesBFrames(p); s.BFrames {
		s.Ext.CompositionTime = composition
	}
	return s, nil
}

// ingestVideo picks the payload type to receive, nil when there is none: H264
// wherever it stands, and else, where they are let in, the offer's favourite of
// the others.
func (m *Media) ingestVideo(in Ingest, composition bool) (*Payload, *videoCodec) {
	if p := m.ingestH264(composition); p != nil {
		return p, videoCodecOf(media.H264)
	}
	for i := range m.Payloads {
		for c := range videoCodecs {
			if in.Carried && videoCodecs[c].match(&m.Payloads[i]) {
				return &m.Payloads[i], &videoCodecs[c]
			}
		}
	}
	return nil, nil
}

// ingestH264 prefers what announces B-frames, since only an encoder that makes
// them does, and then the profiles that most viewers decode.
func (m *Media) ingestH264(composition bool) *Payload {
	for _, match := range []func(*Payload) bool{
		func(p *Payload) bool { return composition && takesBFrames(p) },
		func(p *Payload) bool { return payloadProfile(p) == constrainedBaseline },
		func(p *Payload) bool { return payloadProfile(p).canonical() == constrainedBaseline },
		func(p *Payload) bool { return payloadProfile(p).canonical() == baseline },
		func(p *Payload) bool { return payloadProfile(p).idc == 0x4d },
		func(p *Payload) bool { return payloadProfile(p).idc == 0x64 },
	} {
		if p := m.find(func(p *Payload) bool { return isH264(p) && match(p) }); p != nil {
			return p
		}
	}
	return m.find(isH264)
}
