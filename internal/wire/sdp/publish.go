package sdp

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
// they are offered. The error is a *Mismatch.
func (o *Offer) SelectPublish(p Ingest) (Reception, error) { return Reception{}, &Mismatch{} }

// AnswerPublish writes the answer that receives r over t.
func (o *Offer) AnswerPublish(r Reception, t Transport) string { return "" }

// Fragment is an SDP fragment of trickle ICE (RFC 8840 section 9).
type Fragment struct {
	// Ufrag and Pwd are "" where the fragment names none.
	Ufrag, Pwd string
}

// ParseFragment reads the body of a PATCH. It fails on what is no fragment.
func ParseFragment(body string) (Fragment, error) { return Fragment{}, nil }

// Restarted writes the fragment that answers an ICE restart: our new
// credentials and our candidates, on the m-line with the given mid.
func Restarted(mid string, t Transport) string { return "" }
