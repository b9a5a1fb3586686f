package flv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"millrace/internal/media"
)

// Errors about bytes that are not FLV.
var (
	ErrSignature = errors.New("no FLV signature")
	ErrTag       = errors.New("bad FLV tag")
)

// maxHeld is how many frames Open keeps while it waits for a promised track.
const maxHeld = 256

// maxFirstTag is the largest offset of the first tag.
const maxFirstTag = 1 << 16

// Reader reads media out of FLV bytes. It understands what this package writes
// and the enhanced form of H264 and AAC; tags of other codecs are passed over, and
// of several tracks of a kind all but the first.
// One goroutine uses it.
type Reader struct {
	in      *bufio.Reader
	started bool
	flags   byte
	decoder Decoder
	held    []*media.Frame // read by Open, not yet returned by Next
}

// NewReader returns a Reader of r. It reads nothing yet.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 64<<10)}
}

// Open reads until the tracks that the file header promises are known, and
// returns them; a track that has not shown up after 256 frames is nil. The
// frames read on the way are kept for Next.
func (r *Reader) Open() (video, audio *media.Track, err error) {
	for len(r.held) < maxHeld {
		f, err := r.read()
		if errors.Is(err, io.EOF) && len(r.held) > 0 {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		r.held = append(r.held, f)
		if r.complete() {
			break
		}
	}
	video, audio = r.Tracks()
	return video, audio, nil
}

func (r *Reader) complete() bool {
	video, audio := r.Tracks()
	return (r.flags&flagVideo == 0 || video != nil) && (r.flags&flagAudio == 0 || audio != nil)
}

// Promised says which kinds of tracks the file header names; known is false
// before it was read.
func (r *Reader) Promised() (video, audio, known bool) {
	return r.flags&flagVideo != 0, r.flags&flagAudio != 0, r.started
}

// Tracks returns the tracks as described last; nil for those not seen yet.
func (r *Reader) Tracks() (video, audio *media.Track) { return r.decoder.Tracks() }

// Description is what the file says of itself besides its tracks, and whether that
// is new since the last call.
func (r *Reader) Description() (about media.Metadata, changed bool) { return r.decoder.Description() }

// Next returns the next frame, which the caller owns. Its Track changes when
// the parameters do. DTS and PTS are on the file's own scale. At the end of the
// file it returns io.EOF, and io.ErrUnexpectedEOF inside a tag.
func (r *Reader) Next() (*media.Frame, error) {
	if len(r.held) > 0 {
		f := r.held[0]
		r.held[0] = nil
		r.held = r.held[1:]
		return f, nil
	}
	return r.read()
}

func (r *Reader) read() (*media.Frame, error) {
	if !r.started {
		if err := r.readFileHeader(); err != nil {
			return nil, fmt.Errorf("read FLV header: %w", err)
		}
		r.started = true
	}
	for {
		f, err := r.readTag()
		if f != nil || errors.Is(err, io.EOF) {
			return f, err
		}
		if err != nil {
			return nil, fmt.Errorf("read FLV tag: %w", err)
		}
	}
}

func (r *Reader) readFileHeader() error {
	var h [fileHeaderSize]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return err
	}
	if string(h[:3]) != "FLV" || h[3] != 1 {
		return ErrSignature
	}
	r.flags = h[4]
	at := binary.BigEndian.Uint32(h[5:])
	if at < fileHeaderSize || at > maxFirstTag {
		return fmt.Errorf("%w: first tag at %d", ErrSignature, at)
	}
	_, err := r.in.Discard(int(at) - fileHeaderSize + trailerSize)
	return unexpected(err)
}

// readTag reads one tag; the frame is nil when it held none. The error is
// io.EOF between tags only.
func (r *Reader) readTag() (*media.Frame, error) {
	var h [tagHeaderSize]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return nil, err
	}
	size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
	if size > MaxBody || h[0]&0xe0 != 0 {
		return nil, fmt.Errorf("%w: type %#x, %d bytes", ErrTag, h[0], size)
	}
	if h[0] != tagVideo && h[0] != tagAudio && (h[0] != tagScript || size > MaxScript) {
		_, err := r.in.Discard(size + trailerSize)
		return nil, unexpected(err)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return nil, unexpected(err)
	}
	// PreviousTagSize is not checked: muxers in use write it wrong. A file
	// may end without the last one.
	if _, err := r.in.Discard(trailerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.decoder.Frame(h[0], uint32(h[4])<<16|uint32(h[5])<<8|uint32(h[6])|uint32(h[7])<<24, body)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
