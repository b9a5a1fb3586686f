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
	BodyOther                  // of another track than the first
)

// Body is the body of an audio or video tag, which is that of an RTMP message,
// too, taken apart (FLV 10.1 annex E.4, Enhanced RTMP v2 ExVideoTagHeader and
// ExAudioTagHeader).
type Body struct {
	Kind    BodyKind
	Codec   media.Codec
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

// ParseVideo takes a video body apart. The error is a *CodecError.
func ParseVideo(b []byte) (Body, error) {
	if len(b) < 2 {
		return Body{}, nil
	}
	if b[0]&videoExHeader != 0 {
		return parseExVideo(b)
	}
	if b[0]>>4 == frameCommand {
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

func parseExVideo(b []byte) (Body, error) {
	packet, rest, nanos, ok := modEx(b[0]&15, b[1:])
	frame := b[0] >> 4 & 7
	if !ok || packet == exMetadata || frame == frameCommand {
		return Body{Kind: BodyPassed}, nil
	}
	packet, four, rest, kind := exTrack(packet, exMultitrack, rest)
	if kind != BodyMedia {
		return Body{Kind: kind}, nil
	}
	codec, ok := codecOf(four)
	if !ok {
		return Body{}, &CodecError{media.Video, printable(four)}
	}
	t := Body{Kind: BodyPassed, Codec: codec, Payload: rest, Nanos: nanos}
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

// exTrack returns the packet of the first track and its codec; kind is BodyMedia
// where there is one.
func exTrack(packet, multitrack byte, b []byte) (kind byte, four string, rest []byte, found BodyKind) {
	if packet == multitrack {
		packet, four, rest, ok := firstTrack(b)
		if !ok || packet == multitrack || packet == exModEx {
			return 0, "", nil, BodyOther
		}
		return packet, four, rest, BodyMedia
	}
	if len(b) < 4 {
		return 0, "", nil, BodyPassed
	}
	return packet, string(b[:4]), b[4:], BodyMedia
}

// ParseAudio takes an audio body apart. The error is a *CodecError.
func ParseAudio(b []byte) (Body, error) {
	if len(b) < 2 {
		return Body{}, nil // some clients send empty messages in silence
	}
	switch format := b[0] >> 4; format {
	case soundExHeader:
		return parseExAudio(b)
	case soundAAC:
		return tagged(media.AAC, b[1], b[2:]), nil
	default:
		return Body{}, &CodecError{media.Audio, named(legacyAudio, format)}
	}
}

func parseExAudio(b []byte) (Body, error) {
	packet, rest, nanos, ok := modEx(b[0]&15, b[1:])
	if !ok {
		return Body{Kind: BodyPassed}, nil
	}
	packet, four, rest, kind := exTrack(packet, exAudioMultitrack, rest)
	if kind != BodyMedia {
		return Body{Kind: kind}, nil
	}
	var t Body
	switch four {
	case fourOpus:
		t = tagged(media.Opus, packet, rest)
	case fourAAC:
		t = tagged(media.AAC, packet, rest)
	default:
		return Body{}, &CodecError{media.Audio, printable(four)}
	}
	t.Nanos = nanos
	return t, nil
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
