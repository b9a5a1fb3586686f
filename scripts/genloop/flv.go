package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Tag types of FLV (Adobe FLV 10.1, section E.4.1).
const (
	audioTag = 8
	videoTag = 9
)

const headerSize = 11

type tag struct {
	kind byte
	ms   uint32
	body []byte
}

// cut keeps, of ffmpeg's FLV, all pictures and the second of three rounds of
// sound, and stamps both from their number.
func cut(flv []byte) ([]byte, error) {
	tags, err := split(flv)
	if err != nil {
		return nil, err
	}
	const soundFrames = int(8 * rate / 1024)
	var heads, media []tag
	video, audio := 0, 0
	for _, t := range tags {
		switch {
		case t.kind != audioTag && t.kind != videoTag:
		case t.body[1] == 0: // sequence header
			heads = append(heads, tag{kind: t.kind, body: t.body})
		case t.kind == videoTag && t.body[1] == 1:
			media = append(media, tag{videoTag, uint32(frameTime(video).Milliseconds()), t.body})
			video++
		case t.kind == audioTag:
			// The encoder's first frame is its run-up: frame n begins at n-1.
			if n := audio - 1 - soundFrames; n >= 0 && n < soundFrames {
				ms := int64(n) * length.Milliseconds() / int64(soundFrames)
				media = append(media, tag{audioTag, uint32(ms), t.body})
			}
			audio++
		}
	}
	if len(heads) != 2 || video != frames || audio < 2*soundFrames+1 {
		return nil, fmt.Errorf("%d headers, %d pictures, %d sound frames", len(heads), video, audio)
	}
	slices.SortStableFunc(media, func(a, b tag) int { return int(a.ms) - int(b.ms) })
	return join(append(heads, media...)), nil
}

func split(flv []byte) ([]tag, error) {
	if len(flv) < 13 || string(flv[:3]) != "FLV" {
		return nil, errors.New("not FLV")
	}
	var tags []tag
	for rest := flv[13:]; len(rest) > 0; {
		if len(rest) < headerSize {
			return nil, errors.New("FLV ends within a tag")
		}
		size := int(binary.BigEndian.Uint32(rest[:4]) & 0xFFFFFF)
		if len(rest) < headerSize+size+4 {
			return nil, errors.New("FLV ends within a tag")
		}
		if size >= 2 {
			tags = append(tags, tag{kind: rest[0], body: rest[headerSize : headerSize+size]})
		}
		rest = rest[headerSize+size+4:]
	}
	return tags, nil
}

func join(tags []tag) []byte {
	out := []byte{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0}
	for _, t := range tags {
		out = binary.BigEndian.AppendUint32(out, uint32(t.kind)<<24|uint32(len(t.body)))
		out = append(out, byte(t.ms>>16), byte(t.ms>>8), byte(t.ms), byte(t.ms>>24), 0, 0, 0)
		out = append(out, t.body...)
		out = binary.BigEndian.AppendUint32(out, uint32(headerSize+len(t.body)))
	}
	return out
}
