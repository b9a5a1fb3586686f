package media

// Frame is one access unit: a picture or a run of sound samples. Frames are
// immutable and shared by all readers; nobody may write to Data.
type Frame struct {
	// Track is the description in force for this frame. A reader that sees
	// another Track than before must tell its decoder.
	Track *Track
	// DTS and PTS are decode and presentation time; equal for audio and for
	// video without B-frames.
	DTS, PTS Time
	// Capture is when the frame was captured, in nanoseconds by the clock of Now,
	// true or estimated from arrival. 0: not known yet.
	Capture int64
	// Arrived is when the frame entered this node, same unit.
	Arrived int64
	// Key says that decoding can start here.
	Key bool
	// Discardable says that no other frame refers to this one (nal_ref_idc 0).
	Discardable bool
	// Discontinuity marks the first frame after a change of publisher.
	Discontinuity bool
	// Scripts are what the publisher has said between the frame before and this
	// one, in order: each the body of an FLV script tag (FLV 10.1 annex E.4.4), a
	// name and values in AMF0. Few frames have any.
	Scripts [][]byte
	// Data is, for H264 and H265, NAL units each behind a 4-byte big-endian
	// length, parameter sets and access unit delimiters left out; for AV1 a
	// temporal unit of units with sizes, without delimiter; for VP9 one frame; for AAC one raw
	// access unit without ADTS; for Opus one packet (RFC 6716).
	Data []byte
}
