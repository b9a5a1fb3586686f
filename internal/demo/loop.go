package demo

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// LoopLength is the time after which the loop repeats.
const LoopLength = 8 * time.Second

//go:embed loop.flv
var loopFLV []byte

// Loop is the loop's media, read-only after Load.
type Loop struct {
	Video, Audio *media.Track
	frames       []*media.Frame // in the order of their DTS, which is below length
	keys         []int          // where decoding can start
	length       time.Duration
}

// Load reads the loop that is built into the program.
func Load() (*Loop, error) {
	l, err := load(bytes.NewReader(loopFLV), LoopLength)
	if err != nil {
		return nil, fmt.Errorf("load demo loop: %w", err)
	}
	return l, nil
}

// Frames returns the frames of one round, DTS from 0. They are shared.
func (l *Loop) Frames() []*media.Frame { return l.frames }

func load(r io.Reader, length time.Duration) (*Loop, error) {
	in := flv.NewReader(r)
	video, audio, err := in.Open()
	if err != nil {
		return nil, err
	}
	if video == nil || audio == nil || len(video.Params) != 2 {
		return nil, errors.New("not one video and one audio track")
	}
	l := &Loop{Video: video, Audio: audio, length: length}
	for {
		f, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if time.Duration(f.DTS) >= length {
			return nil, fmt.Errorf("frame at %v is behind the loop's end", time.Duration(f.DTS))
		}
		if f.Key && f.Track.Kind == media.Video {
			l.keys = append(l.keys, len(l.frames))
		}
		l.frames = append(l.frames, f)
	}
	if len(l.keys) == 0 {
		return nil, errors.New("no key frame")
	}
	return l, nil
}
