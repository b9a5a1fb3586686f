package media

// Packet is the payload of one RTP packet and what its header needs, on the
// stream's own scale. Packets are immutable and shared by all readers.
type Packet struct {
	// Seq numbers the packets of one Kind and Layer in one log without a gap.
	// A gap means a packet that the publisher's network lost.
	Seq int64
	// Time is what the RTP timestamp says: the presentation time, or the
	// decode time where Composition is used.
	Time Time
	// Composition is PTS - DTS in nanoseconds; 0 without B-frames.
	Composition int64
	// Capture and Arrived are those of the Frame.
	Capture, Arrived int64
	// Payload is the RTP payload: no header, no padding.
	Payload []byte
	// Codec says what the payload holds.
	Codec Codec
	Kind  Kind
	// Layer is that of simulcast: 0 is the best of those that come, and the only
	// one elsewhere.
	Layer uint8
	// Marker ends an access unit (RFC 3550 section 5.1).
	Marker bool
	// Start begins an access unit.
	Start bool
	// Key says that the access unit is one that decoding can start at.
	Key bool
	// Discardable says that no other access unit refers to this one.
	Discardable bool
	// Discontinuity marks packets of the first frame after a change of publisher.
	Discontinuity bool
}
