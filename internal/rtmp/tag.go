package rtmp

import (
	"encoding/binary"
	"fmt"

	"millrace/internal/media"
)

// tagKind says what a message of audio or video holds.
type tagKind byte

const (
	tagEmpty  tagKind = iota // nothing
	tagConfig                // parameters of the decoder
	tagMedia                 // one access unit
	tagPassed                // something that is passed over
)

// tag is the body of an audio or video message, taken apart (FLV 10.1 annex
// E.4, Enhanced RTMP v2 ExVideoTagHeader and ExAudioTagHeader).
type tag struct {
	kind    tagKind
	codec   media.Codec
	cts     int32 // ms, PTS - DTS
	payload []byte
}

// codecError says that a publisher sends a codec that is not taken.
type codecError struct {
	kind  media.Kind
	codec string
}

func (e *codecError) Error() string {
	if e.kind == media.Video {
		return fmt.Sprintf("video codec %s is not taken, only H264", e.codec)
	}
	return fmt.Sprintf("audio codec %s is not taken, only AAC and Opus", e.codec)
}

// Values of the first byte, and packet types of both forms.
const (
	frameCommand  = 5
	legacyAVC     = 7
	legacyAAC     = 10
	exVideo       = 0x80
	exAudio       = 9
	packetConfig  = 0
	packetMedia   = 1
	packetEnd     = 2 // end of sequence
	exFramesX     = 3 // video without composition time
	exMetadata    = 4
	exMultitrack  = 6 // video; audio has 5
	exModEx       = 7
	audioMultiple = 5
)

var legacyVideo = map[byte]string{2: "Sorenson H.263", 3: "Screen", 4: "VP6", 5: "VP6 with alpha", 6: "Screen 2", 12: "HEVC", 13: "AV1"}

var legacyAudio = map[byte]string{0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law", 8: "G.711 mu-law", 11: "Speex", 13: "Opus in the legacy form", 14: "MP3"}

// parseVideo takes a video message apart. The error is a *codecError.
func parseVideo(b []byte) (tag, error) {
	if len(b) < 2 {
		return tag{}, nil
	}
	if b[0]&exVideo != 0 {
		return parseExVideo(b)
	}
	if b[0]>>4 == frameCommand {
		return tag{}, nil
	}
	if id := b[0] & 15; id != legacyAVC {
		return tag{}, &codecError{media.Video, named(legacyVideo, id)}
	}
	if len(b) < 5 {
		return tag{kind: tagPassed}, nil
	}
	t := tag{kind: tagPassed, codec: media.H264, payload: b[5:]}
	switch b[1] {
	case packetConfig:
		t.kind = tagConfig
	case packetMedia:
		t.kind, t.cts = tagMedia, signed24(b[2:])
	case packetEnd:
		t.kind = tagEmpty
	}
	return t, nil
}

func parseExVideo(b []byte) (tag, error) {
	packet, rest, ok := skipModEx(b[0]&15, b[1:])
	command := b[0]>>4&7 == frameCommand && packet != exMetadata
	if !ok || command || packet == exMultitrack || packet == exMetadata || len(rest) < 4 {
		return tag{kind: tagPassed}, nil // further tracks come beside the first one, which has its own messages
	}
	four, rest := string(rest[:4]), rest[4:]
	if four != "avc1" {
		return tag{}, &codecError{media.Video, printable(four)}
	}
	t := tag{kind: tagPassed, codec: media.H264, payload: rest}
	switch {
	case packet == packetEnd:
		t.kind = tagEmpty
	case packet == packetConfig:
		t.kind = tagConfig
	case packet == packetMedia && len(rest) >= 3:
		t.kind, t.cts, t.payload = tagMedia, signed24(rest), rest[3:]
	case packet == exFramesX:
		t.kind = tagMedia
	}
	return t, nil
}

// parseAudio takes an audio message apart. The error is a *codecError.
func parseAudio(b []byte) (tag, error) {
	if len(b) < 2 {
		return tag{}, nil // some clients send empty messages in silence
	}
	switch format := b[0] >> 4; format {
	case exAudio:
		return parseExAudio(b)
	case legacyAAC:
		return tagged(media.AAC, b[1], b[2:]), nil
	default:
		return tag{}, &codecError{media.Audio, named(legacyAudio, format)}
	}
}

func parseExAudio(b []byte) (tag, error) {
	packet, rest, ok := skipModEx(b[0]&15, b[1:])
	if !ok || packet == audioMultiple || len(rest) < 4 {
		return tag{kind: tagPassed}, nil
	}
	switch four := string(rest[:4]); four {
	case "Opus":
		return tagged(media.Opus, packet, rest[4:]), nil
	case "mp4a":
		return tagged(media.AAC, packet, rest[4:]), nil
	default:
		return tag{}, &codecError{media.Audio, printable(four)}
	}
}

func tagged(codec media.Codec, packet byte, payload []byte) tag {
	t := tag{kind: tagPassed, codec: codec, payload: payload}
	switch {
	case len(payload) == 0 || packet == packetEnd:
		t.kind = tagEmpty // ffmpeg announces a configuration that it does not have yet
	case packet == packetConfig:
		t.kind = tagConfig
	case packet == packetMedia:
		t.kind = tagMedia
	}
	return t
}

// skipModEx passes over the modifiers before a packet, such as a timestamp's
// nanoseconds, which change nothing at our resolution.
func skipModEx(packet byte, b []byte) (kind byte, rest []byte, ok bool) {
	for packet == exModEx {
		if len(b) < 3 {
			return 0, nil, false
		}
		size := int(b[0]) + 1
		b = b[1:]
		if size == 256 {
			size = int(binary.BigEndian.Uint16(b)) + 1
			b = b[2:]
		}
		if len(b) < size+1 {
			return 0, nil, false
		}
		packet, b = b[size]&15, b[size+1:]
	}
	return packet, b, true
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
