package sdp

import (
	"strconv"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// Source is one RTP stream from a publisher, or the simulcast layers of one.
type Source struct {
	Format
	// SSRC and RTXSSRC are what the offer tells (RFC 5576); 0: nothing, and
	// the payload type, the MID or the RID says what a packet belongs to.
	SSRC, RTXSSRC uint32
	// MID is the m-line's.
	MID string
	// RIDs are the simulcast layers in the order offered (RFC 8853); empty
	// without simulcast.
	RIDs []string
}

// Reception is what a publishing offer gets. A nil medium is answered inactive.
type Reception struct{ Video, Audio *Source }

// Ingest says which codecs a publisher may bring.
type Ingest struct {
	// Carried lets codecs in that are forwarded to viewers and nothing else:
	// VP8, VP9, AV1, H265.
	Carried bool
}

// SelectPublish chooses what to receive from the offerer: H264 and Opus where
// they are offered. A medium that it would send and that cannot be taken is an
// error: nobody should publish without sound and not know; nor a second
// picture, for which a stream has no place (RFC 9725 section 4.4.2). The error
// is a *Mismatch, its reason Codec or BadRequest.
func (o *Offer) SelectPublish(p Ingest) (Reception, error) {
	var r Reception
	var err error
	for _, kind := range []string{"video", "audio"} {
		if o.lines(kind, Direction.Sends) > 1 {
			return Reception{}, &Mismatch{reason.Codec, "the offer sends more than one " + kind + " track; a stream has one at most"}
		}
	}
	if r.Video, err = o.takeVideo(p); err != nil {
		return Reception{}, err
	}
	if r.Audio, err = o.takeAudio(); err != nil {
		return Reception{}, err
	}
	if r.Video == nil && r.Audio == nil {
		return Reception{}, &Mismatch{reason.Codec, "the offer does not send audio or video"}
	}
	if err := r.disentangle(); err != nil {
		return Reception{}, err
	}
	return r, nil
}

// disentangle refuses payload types that two m-lines of the bundle share (RFC
// 8843 section 9.1), and forgets SSRCs that say nothing because both have them.
func (r *Reception) disentangle() error {
	if r.Video == nil || r.Audio == nil {
		return nil
	}
	v, a := r.Video, r.Audio
	for _, pt := range []uint8{v.PT, v.RTXPT} {
		if pt != 0 && (pt == a.PT || pt == a.RTXPT) {
			return &Mismatch{reason.BadRequest, "the offer's audio and video share payload type " + strconv.Itoa(int(pt)) + "; in one bundle each needs its own"}
		}
	}
	for _, ssrc := range []uint32{v.SSRC, v.RTXSSRC} {
		if ssrc != 0 && (ssrc == a.SSRC || ssrc == a.RTXSSRC) {
			v.SSRC, v.RTXSSRC, a.SSRC, a.RTXSSRC = 0, 0, 0, 0
			break
		}
	}
	return nil
}

// AnswerPublish writes the answer that receives r over t. Each m-line taken
// lists one codec, so that the publisher has no choice to make; the others are
// inactive or, where they cannot share the transport, rejected.
func (o *Offer) AnswerPublish(r Reception, t Transport) string {
	return o.answer(t, "", func(i int, w writer) {
		m := &o.Media[i]
		switch {
		case r.Video != nil && r.Video.MLine == i:
			w.take(m, r.Video)
		case r.Audio != nil && r.Audio.MLine == i:
			w.take(m, r.Audio)
		default:
			w.withhold(m)
		}
	})
}

// source fills in what does not depend on the codec.
func (m *Media) source(line int, c media.Codec, f Framing, p *Payload) *Source {
	s := &Source{Format: *m.format(Direction.Sends, line, c, f, p), MID: m.MID}
	s.Ext.MID = m.extension(Direction.Sends, uriMID)
	s.Ext.RID = m.extension(Direction.Sends, uriRID)
	s.Ext.RepairedRID = m.extension(Direction.Sends, uriRepairedRID)
	if s.Ext.RID != 0 { // without it nothing tells the layers apart
		s.RIDs = m.layers.of(p.PT)
	}
	if len(s.RIDs) == 0 {
		s.SSRC, s.RTXSSRC = m.sources.first()
	}
	if s.RTXPT == 0 {
		s.RTXSSRC = 0
	}
	return s
}
