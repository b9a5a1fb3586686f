package carry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"millrace/client"
)

// source is media that is read from the beginning to the end.
type source interface {
	// tracks are those there are; either may be nil.
	tracks() (video, audio *client.Track)
	// next returns the next access unit, on the source's own scale, and io.EOF
	// at the end.
	next() (client.AccessUnit, error)
	// close frees what the source holds.
	close() error
}

// Input names what to read: a file, or standard input if Path is "-" or "".
type Input struct {
	Path   string
	Stdin  io.Reader
	FFmpeg string // the program to read what is neither FLV nor MPEG-TS; "" without one
}

func (in *Input) isFile() bool { return in.Path != "" && in.Path != "-" }

// sniffed is how many bytes are looked at to tell formats apart.
const sniffed = 64 << 10

// tsPacket is the length of a packet of MPEG-TS, each of which begins with tsSync.
const (
	tsPacket = 188
	tsSync   = 0x47
)

// open finds out what the input is and reads its head.
func (in *Input) open(ctx context.Context) (source, error) {
	reader, shut, regular := in.Stdin, func() error { return nil }, false
	if in.isFile() {
		f, err := os.Open(in.Path)
		if err != nil {
			return nil, err
		}
		// A pipe that has a name is a pipe.
		if about, err := f.Stat(); err == nil {
			regular = about.Mode().IsRegular()
		}
		reader, shut = f, f.Close
	}
	if reader == nil {
		return nil, errors.New("no input")
	}
	b := bufio.NewReaderSize(reader, sniffed)
	head, err := b.Peek(tsPacket + 1)
	if len(head) == 0 {
		_ = shut()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the input is empty")
		}
		return nil, fmt.Errorf("read input: %w", err)
	}
	var s source
	switch {
	case string(head[:min(3, len(head))]) == "FLV":
		s, err = openFLV(b, shut)
	case len(head) > tsPacket && head[0] == tsSync && head[tsPacket] == tsSync:
		s, err = openTS(b, shut)
	default:
		s, err = in.convert(ctx, b, shut)
	}
	if err != nil {
		_ = shut()
		return nil, err
	}
	if regular {
		s = &ordered{source: s}
	}
	return s, nil
}

const (
	// orderSpan is how far sound and pictures of one time lie apart in a file,
	// at most: MPEG-TS has several access units of sound in one place.
	orderSpan = 700 * time.Millisecond
	// orderUnits bounds how many units are held.
	orderUnits = 1024
)

// ordered reads ahead in a file, so that units come in order of DTS. Those of a
// pipe come as they come: reading ahead would make them late.
type ordered struct {
	source
	held   []client.AccessUnit
	newest time.Duration
	err    error
}

func (o *ordered) next() (client.AccessUnit, error) {
	for o.err == nil && (len(o.held) == 0 || o.newest-o.held[0].DTS < orderSpan && len(o.held) < orderUnits) {
		u, err := o.source.next()
		if err != nil {
			o.err = err
			break
		}
		o.newest = max(o.newest, u.DTS)
		if len(o.held) == 0 {
			o.newest = u.DTS
		}
		at, _ := slices.BinarySearchFunc(o.held, u, func(a, b client.AccessUnit) int {
			if a.DTS <= b.DTS {
				return -1 // behind those of the same time
			}
			return 1
		})
		o.held = slices.Insert(o.held, at, u)
	}
	if len(o.held) == 0 {
		return client.AccessUnit{}, o.err
	}
	u := o.held[0]
	o.held = o.held[1:]
	return u, nil
}

// errForeign says that a track cannot be sent whose codec is not known.
var errForeign = errors.New("the input has a track in a codec that is not carried: convert it, as with\n  ffmpeg -re -i FILE -c:v libx264 -c:a aac -f flv - | millrace publish URL")

// codecError says which option of ffmpeg makes a track one that can be sent.
func codecError(kind client.Kind, codec string) error {
	option, to := "-c:v libx264 -c:a copy", "H264"
	if kind == client.Audio {
		option, to = "-c:v copy -c:a aac", "AAC or Opus"
	}
	return fmt.Errorf("the %s is %s, which is not carried as it is, only %s: convert it, as with\n  ffmpeg -re -i FILE %s -f flv - | millrace publish URL", kind, codec, to, option)
}
