package flv

import (
	"encoding/binary"
	"fmt"

	"millrace/internal/media"
)

// BodyKind says what the body of an audio or video tag holds.
type BodyKind byte

// What a body can hold.
const (
	BodyEmpty  BodyKind = iota // nothing
	BodyConfig                 // parameters of the decoder
	BodyMedia                  // one access unit
	BodyPassed                 // something that is passed over
)

// Body is what the body of an audio or video tag, which is that of an RTMP
// message, too, holds of one track (FLV 10.1 annex E.4, Enhanced RTMP v2
// ExVideoTagHeader and ExAudioTagHeader).
type Body struct {
	Kind    BodyKind
	Codec   media.Codec
	Track   uint8  // number of the track; 0 for the first one of its kind
	CTS     int32  // ms, PTS - DTS
	Nanos   int32  // to be added to the timestamp, less than a millisecond
	Payload []byte // part of what was parsed
}

// CodecError says that a body holds a codec that is not taken.
type CodecError struct {
	Kind  media.Kind
	Codec string // printable
}

func (e *CodecError) Error() string {
	if e.Kind == media.Video {
		return fmt.Sprintf("video codec %s is not taken, only H264, and HEVC, AV1 and VP9 in the enhanced form", e.Codec)
	}
	return fmt.Sprintf("audio codec %s is not taken, only AAC and Opus", e.Codec)
}

var legacyVideo = map[byte]string{2: "Sorenson H.263", 3: "Screen", 4: "VP6", 5: "VP6 with alpha", 6: "Screen 2", 12: "HEVC", 13: "AV1"}

var legacyAudio = map[byte]string{0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law", 8: "G.711 mu-law", 11: "Speex", 13: "Opus in the legacy form", 14: "MP3"}

// ParseVideo takes a video body apart and appends what it holds of each track to
// to: of one, mostly. The error is a *CodecError, about the first track; what
// others hold of codecs that are not taken is passed over.
func ParseVideo(to []Body, b []byte) ([]Body, error) {
	if len(b) >= 2 && b[0]&videoExHeader != 0 {
		if b[0]>>4&7 == frameCommand {
			return append(to, Body{Kind: BodyPassed}), nil
		}
		return parseEx(to, b, exMultitrack, exVideo)
	}
	t, err := classicVideo(b)
	if err != nil {
		return to, err
	}
	return append(to, t), nil
}

func classicVideo(b []byte) (Body, error) {
	if len(b) < 2 || b[0]>>4 == frameCommand {
		return Body{}, nil
	}
	if id := b[0] & 15; id != videoAVC {
		return Body{}, &CodecError{media.Video, named(legacyVideo, id)}
	}
	if len(b) < 5 {
		return Body{Kind: BodyPassed}, nil
	}
	t := Body{Kind: BodyPassed, Codec: media.H264, Payload: b[5:]}
	switch b[1] {
	case packetConfig:
		t.Kind = BodyConfig
	case packetMedia:
		t.Kind, t.CTS = BodyMedia, signed24(b[2:])
	case packetEnd:
		t.Kind = BodyEmpty
	}
	return t, nil
}

// exVideo is one track's part of a video packet of the enhanced form.
func exVideo(packet byte, four string, rest []byte) (Body, error) {
	if packet == exMetadata {
		return Body{Kind: BodyPassed}, nil
	}
	codec, ok := codecOf(four)
	if !ok {
		return Body{Kind: BodyPassed}, &CodecError{media.Video, printable(four)}
	}
	t := Body{Kind: BodyPassed, Codec: codec, Payload: rest}
	timed := codec == media.H264 || codec == media.H265 // others have no composition time
	switch {
	case packet == packetEnd:
		t.Kind = BodyEmpty
	case packet == packetConfig:
		t.Kind = BodyConfig
	case packet == exCodedFrames && !timed, packet == exCodedFramesX:
		t.Kind = BodyMedia
	case packet == exCodedFrames && len(rest) >= 3:
		t.Kind, t.CTS, t.Payload = BodyMedia, signed24(rest), rest[3:]
	}
	return t, nil
}

// ParseAudio is ParseVideo for an audio body.
func ParseAudio(to []Body, b []byte) ([]Body, error) {
	if len(b) < 2 {
		return append(to, Body{}), nil // some clients send empty messages in silence
	}
	switch format := b[0] >> 4; format {
	case soundExHeader:
		return parseEx(to, b, exAudioMultitrack, exAudio)
	case soundAAC:
		return append(to, tagged(media.AAC, b[1], b[2:])), nil
	default:
		return to, &CodecError{media.Audio, named(legacyAudio, format)}
	}
}

func exAudio(packet byte, four string, rest []byte) (Body, error) {
	switch four {
	case fourOpus:
		return tagged(media.Opus, packet, rest), nil
	case fourAAC:
		return tagged(media.AAC, packet, rest), nil
	}
	return Body{Kind: BodyPassed}, &CodecError{media.Audio, printable(four)}
}

func tagged(codec media.Codec, packet byte, payload []byte) Body {
	t := Body{Kind: BodyPassed, Codec: codec, Payload: payload}
	switch {
	case len(payload) == 0 || packet == packetEnd:
		t.Kind = BodyEmpty // ffmpeg announces a configuration that it does not have yet
	case packet == packetConfig:
		t.Kind = BodyConfig
	case packet == packetMedia:
		t.Kind = BodyMedia
	}
	return t
}

// maxNanos is what a timestamp's offset stays below.
const maxNanos = 1_000_000

// modEx reads the modifiers before a packet, of which nanoseconds of the
// timestamp are the only ones there are; others are passed over.
func modEx(packet byte, b []byte) (kind byte, rest []byte, nanos int32, ok bool) {
	for packet == exModEx {
		if len(b) < 3 {
			return 0, nil, 0, false
		}
		size := int(b[0]) + 1
		b = b[1:]
		if size == 256 {
			size = int(binary.BigEndian.Uint16(b)) + 1
			b = b[2:]
		}
		if len(b) < size+1 {
			return 0, nil, 0, false
		}
		if b[size]>>4 == modTimestamp && size >= 3 {
			if n := int32(b[0])<<16 | int32(b[1])<<8 | int32(b[2]); n < maxNanos {
				nanos = n
			}
		}
		packet, b = b[size]&15, b[size+1:]
	}
	return packet, b, nanos, true
}

func signed24(b []byte) int32 {
	return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8
}

func named(names map[byte]string, id byte) string {
	if s, ok := names[id]; ok {
		return s
	}
	return fmt.Sprintf("number %d", id)
}

// printable keeps foreign bytes out of logs and messages.
func printable(four string) string {
	for _, c := range []byte(four) {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%x", four)
		}
	}
	return four
}
