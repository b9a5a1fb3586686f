package media

// Kind says whether a track is seen or heard.
type Kind uint8

// The kinds of tracks.
const (
	Video Kind = iota
	Audio
)

func (k Kind) String() string {
	if k == Audio {
		return "audio"
	}
	return "video"
}

// Codec names how a track's frames are compressed.
type Codec uint8

// The codecs that a Track can have.
const (
	H264 Codec = iota + 1
	AAC
	Opus
	VP8
	VP9
	AV1
	H265
)

var codecNames = map[Codec]string{H264: "H264", AAC: "AAC", Opus: "Opus", VP8: "VP8", VP9: "VP9", AV1: "AV1", H265: "H265"}

func (c Codec) String() string {
	if s, ok := codecNames[c]; ok {
		return s
	}
	return "unknown"
}

// Track describes one elementary stream. A Track is immutable once it is
// announced; a change of parameters is a new Track.
type Track struct {
	Kind  Kind
	Codec Codec

	// Video.
	Width, Height int
	// Params are the parameter sets of H264 (SPS first) or H265 (VPS, SPS,
	// PPS), each a NAL unit without start code or length; of AV1, the sequence
	// header without its size.
	Params [][]byte
	// Reorder says that the sequence may hold pictures whose presentation
	// order differs from decode order (B-frames).
	Reorder bool

	// Audio.
	SampleRate int // Hz, of the decoded sound (HE-AAC: after SBR)
	Channels   int
	// Config is the AAC AudioSpecificConfig (ISO 14496-3) or the OpusHead
	// (RFC 7845), empty for Opus sources that bring none. Of VP9 it is the
	// VPCodecConfigurationRecord with version and flags, if there is one.
	Config []byte
}
