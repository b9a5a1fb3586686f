package client

import (
	"time"
)

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

// Codec names how a track is compressed.
type Codec uint8

// The codecs that can be published and played.
const (
	H264 Codec = iota + 1
	AAC
	Opus
)

func (c Codec) String() string {
	switch c {
	case H264:
		return "H264"
	case AAC:
		return "AAC"
	case Opus:
		return "Opus"
	}
	return "unknown"
}

// Track describes one elementary stream. Nobody changes a Track once it has
// been handed over; new parameters are a new Track.
type Track struct {
	Kind  Kind
	Codec Codec

	// Width and Height are in luma samples. A publisher may leave them 0.
	Width, Height int
	// BFrames says that pictures may be shown in another order than they are
	// decoded in. To publish such video it must be set.
	BFrames bool

	// SampleRate is in Hz, of the decoded sound; Opus has always 48000.
	SampleRate int
	Channels   int

	// Config is, for H264, SPS and PPS behind start codes, which a publisher may
	// leave out as key frames bring them; for AAC the AudioSpecificConfig (ISO
	// 14496-3 section 1.6), which it may not; for Opus nothing.
	Config []byte
}

// AccessUnit is one picture or one frame of sound.
type AccessUnit struct {
	Kind Kind
	// Track is the description in force. A Player sets it, and a new pointer
	// means new parameters. A Publisher does not read it.
	Track *Track
	// DTS and PTS are when to decode and when to show it, on one scale for all
	// tracks. A Player's scale begins at about 0 and goes on over reconnections.
	DTS, PTS time.Duration
	// Key says that decoding can start here. A Publisher sees for itself.
	Key bool
	// Discontinuity marks the first unit of its kind after media is missing.
	Discontinuity bool
	// Capture is when it was captured, by the publisher's clock; zero if
	// nobody knows.
	Capture time.Time
	// Data is, for H264, an access unit in the byte stream format (H.264 annex
	// B): NAL units behind start codes, SPS and PPS first in key frames. For
	// AAC it is one raw access unit without ADTS header, for Opus one packet.
	// It is the receiver's own; a Publisher keeps it.
	Data []byte
}
