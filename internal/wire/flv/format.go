package flv

import (
	"errors"
	"fmt"

	"millrace/internal/media"
)

// Types of tags (annex E.4.1).
const (
	tagAudio  = 8
	tagVideo  = 9
	tagScript = 18
)

// Sizes of the parts around a body.
const (
	fileHeaderSize = 9  // signature, version, flags, offset of the body
	tagHeaderSize  = 11 // type, size (3), timestamp (3+1), stream id (3)
	trailerSize    = 4  // PreviousTagSize
)

// MaxBody is the largest tag body that is written or read, in bytes. The
// format's own limit is 16 MiB.
const MaxBody = 8 << 20

// The file header's flags.
const (
	flagVideo = 1
	flagAudio = 4
)

// The first byte of a video body: frame type and codec (annex E.4.3.1), or the
// mark of the enhanced form and its packet type.
const (
	frameKey      = 1
	frameInter    = 2
	frameCommand  = 5
	videoAVC      = 7
	videoExHeader = 0x80
)

// AVCPacketType; AACPacketType uses the first two.
const (
	packetConfig = 0
	packetMedia  = 1
	packetEnd    = 2
)

// The first byte of an audio body: sound format in the upper four bits.
const (
	soundAAC      = 10
	soundExHeader = 9
	aacHead       = soundAAC<<4 | 3<<2 | 1<<1 | 1 // always "44 kHz, 16 bit, stereo" (annex E.4.2.1)
)

// Packet types of the enhanced form (Enhanced RTMP v2, ExVideoTagHeader and
// ExAudioTagHeader).
const (
	exSequenceStart   = 0
	exCodedFrames     = 1
	exCodedFramesX    = 3 // video: without composition time
	exMetadata        = 4 // video
	exAudioMultitrack = 5
	exMultitrack      = 6 // video
	exModEx           = 7
	modTimestamp      = 0 // ModEx type: TimestampOffsetNano
)

// FourCCs of the enhanced form.
const (
	fourOpus = "Opus"
	fourAAC  = "mp4a"
	fourAVC  = "avc1"
)

// ErrUnsupported is wrapped by errors about media that FLV cannot carry here.
var ErrUnsupported = errors.New("not carried in FLV")

// Carries says whether t can be written.
func Carries(t *media.Track) bool {
	if t == nil {
		return false
	}
	return FourCC(t.Codec) != ""
}

func unsupported(c media.Codec) error {
	return fmt.Errorf("codec %s: %w", c, ErrUnsupported)
}
