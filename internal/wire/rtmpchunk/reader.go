package rtmpchunk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxChunkStreams = 1024     // whose headers are remembered; encoders use fewer than ten
	maxChunkSize    = 16 << 20 // larger ones mean "one chunk per message", as no message is larger
	firstBuffer     = 64 << 10 // a longer body grows as it arrives
)

// Reader joins chunks to messages. It applies Set Chunk Size and Abort itself.
// One goroutine uses it.
type Reader struct {
	// Progress, if set, is called after each chunk with the number of bytes
	// read so far, so that acknowledgements do not wait for the end of a long
	// message. Its error ends Next.
	Progress func(received uint64) error

	in        *bufio.Reader
	limits    Limits
	chunkSize int
	received  uint64
	streams   map[uint32]*chunkStream
	partial   int // chunk streams with an unfinished message
	buffered  int // capacity of their bodies
	scratch   [11]byte
}

// chunkStream is what later chunks of the same id leave out of their headers.
type chunkStream struct {
	begun     bool // a type 0 or 1 header was seen
	typ       byte
	length    int
	stream    uint32
	timestamp uint32
	field     uint32 // last timestamp or delta
	extended  bool   // field stood behind the header
	open      bool   // a message is unfinished
	body      []byte
}

// NewReader returns a Reader of r, which it buffers.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 16<<10), limits: l, chunkSize: defaultChunkSize, streams: map[uint32]*chunkStream{}}
}

// SetLimits changes the limits for messages that begin from now on.
func (r *Reader) SetLimits(l Limits) { r.limits = l }

// Received returns how many bytes were read out of chunks so far.
func (r *Reader) Received() uint64 { return r.received }

// Next returns the next message, Set Chunk Size and Abort excepted. io.EOF
// comes between chunks only; an error that is neither of the underlying reader
// nor of Progress wraps ErrLimit or ErrProtocol.
func (r *Reader) Next() (Message, error) {
	for {
		m, done, err := r.chunk()
		if err != nil {
			return Message{}, err
		}
		if r.Progress != nil {
			if err := r.Progress(r.received); err != nil {
				return Message{}, err
			}
		}
		if !done {
			continue
		}
		switch m.Type {
		case TypeSetChunkSize:
			err = r.setChunkSize(m.Body)
		case TypeAbort:
			err = r.abort(m.Body)
		default:
			return m, nil
		}
		if err != nil {
			return Message{}, err
		}
	}
}

// chunk reads one chunk; done says that it completed a message.
func (r *Reader) chunk() (m Message, done bool, err error) {
	format, id, err := r.basicHeader()
	if err != nil {
		return Message{}, false, err
	}
	cs := r.streams[id]
	if cs == nil {
		if len(r.streams) >= maxChunkStreams {
			return Message{}, false, fmt.Errorf("%w: more than %d chunk streams", ErrLimit, maxChunkStreams)
		}
		cs = &chunkStream{}
		r.streams[id] = cs
	}
	if err := r.messageHeader(format, cs); err != nil {
		return Message{}, false, unexpected(err)
	}
	if !cs.open {
		if err := r.begin(cs); err != nil {
			return Message{}, false, err
		}
	}
	if err := r.payload(cs); err != nil {
		return Message{}, false, unexpected(err)
	}
	if len(cs.body) < cs.length {
		return Message{}, false, nil
	}
	m = Message{ChunkStream: id, Stream: cs.stream, Timestamp: cs.timestamp, Type: cs.typ, Body: cs.body}
	r.end(cs)
	return m, true, nil
}

// basicHeader reads format and chunk stream id (section 5.3.1.1).
func (r *Reader) basicHeader() (format byte, id uint32, err error) {
	first, err := r.in.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	r.received++
	id = uint32(first & 0x3f)
	if id < 2 {
		more := r.scratch[:2]
		more[1] = 0
		if err := r.full(more[:1+id]); err != nil {
			return 0, 0, unexpected(err)
		}
		id = 64 + uint32(more[0]) + uint32(more[1])<<8
	}
	return first >> 6, id, nil
}

// headerSizes are those of the message header by format (section 5.3.1.2).
var headerSizes = [4]int{11, 7, 3, 0}

func (r *Reader) messageHeader(format byte, cs *chunkStream) error {
	if format == 3 {
		return r.continuation(cs)
	}
	if cs.open {
		return fmt.Errorf("%w: a message begins inside another one", ErrProtocol)
	}
	if format == 2 && !cs.begun {
		return fmt.Errorf("%w: first header of a chunk stream is of type 2", ErrProtocol)
	}
	h := r.scratch[:headerSizes[format]]
	if err := r.full(h); err != nil {
		return err
	}
	cs.field = uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
	if format < 2 {
		cs.length = int(h[3])<<16 | int(h[4])<<8 | int(h[5])
		cs.typ = h[6]
		// librtmp opens its control stream by a type 1 header.
		cs.begun = true
	}
	if format == 0 {
		cs.stream = binary.LittleEndian.Uint32(h[7:])
	}
	if cs.extended = cs.field == extended; cs.extended {
		h = r.scratch[:4]
		if err := r.full(h); err != nil {
			return err
		}
		cs.field = binary.BigEndian.Uint32(h)
	}
	if format == 0 {
		cs.timestamp = cs.field
	} else {
		cs.timestamp += cs.field
	}
	return nil
}

// continuation handles a type 3 header. It goes on with a message, or begins
// one with everything as before: the last timestamp field is the delta then,
// also when it stood in a type 0 header (section 5.3.1.2.4).
func (r *Reader) continuation(cs *chunkStream) error {
	if !cs.begun {
		return fmt.Errorf("%w: first header of a chunk stream is of type 3", ErrProtocol)
	}
	if cs.extended {
		if err := r.repeatedTimestamp(cs); err != nil {
			return err
		}
	}
	if !cs.open {
		cs.timestamp += cs.field
	}
	return nil
}

// repeatedTimestamp takes the extended timestamp that repeats in type 3 chunks
// (section 5.3.1.3). Senders differ: most repeat the field, some the absolute
// timestamp, gortmplib writes zeros, and some nothing at all.
func (r *Reader) repeatedTimestamp(cs *chunkStream) error {
	next, err := r.in.Peek(4)
	if err != nil {
		return err
	}
	v := binary.BigEndian.Uint32(next)
	if v != cs.field && v != cs.timestamp && v != 0 {
		return nil
	}
	r.received += 4
	_, err = r.in.Discard(4)
	return err
}

// begin makes room for a message.
func (r *Reader) begin(cs *chunkStream) error {
	if cs.length > r.limits.Message {
		return fmt.Errorf("%w: message of %d bytes, at most %d are taken", ErrLimit, cs.length, r.limits.Message)
	}
	if r.partial >= r.limits.Partial {
		return fmt.Errorf("%w: more than %d messages at once", ErrLimit, r.limits.Partial)
	}
	r.partial++
	cs.open = true
	return r.grow(cs, min(cs.length, firstBuffer))
}

// grow gives the body the given capacity, if all bodies together may have it.
func (r *Reader) grow(cs *chunkStream, size int) error {
	if r.buffered += size - cap(cs.body); r.buffered > r.limits.Buffered {
		return fmt.Errorf("%w: unfinished messages take more than %d bytes", ErrLimit, r.limits.Buffered)
	}
	body := make([]byte, len(cs.body), size)
	copy(body, cs.body)
	cs.body = body
	return nil
}

// payload reads the chunk's part of the body.
func (r *Reader) payload(cs *chunkStream) error {
	have := len(cs.body)
	for left := min(cs.length-have, r.chunkSize); left > 0; {
		if have == cap(cs.body) {
			if err := r.grow(cs, min(cs.length, 2*have)); err != nil {
				return err
			}
		}
		n := min(left, cap(cs.body)-have)
		if err := r.full(cs.body[have : have+n]); err != nil {
			return err
		}
		have, left = have+n, left-n
		cs.body = cs.body[:have]
	}
	return nil
}

// end forgets the body of a message that is complete or aborted.
func (r *Reader) end(cs *chunkStream) {
	r.partial--
	r.buffered -= cap(cs.body)
	cs.open, cs.body = false, nil
}

func (r *Reader) setChunkSize(body []byte) error {
	if len(body) < 4 {
		return fmt.Errorf("%w: Set Chunk Size of %d bytes", ErrProtocol, len(body))
	}
	size := binary.BigEndian.Uint32(body)
	if size == 0 || size > 1<<31-1 {
		return fmt.Errorf("%w: chunk size %d", ErrProtocol, size)
	}
	r.chunkSize = int(min(size, maxChunkSize))
	return nil
}

func (r *Reader) abort(body []byte) error {
	if len(body) < 4 {
		return fmt.Errorf("%w: Abort of %d bytes", ErrProtocol, len(body))
	}
	if cs := r.streams[binary.BigEndian.Uint32(body)]; cs != nil && cs.open {
		r.end(cs)
	}
	return nil
}

func (r *Reader) full(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.received += uint64(n)
	return err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
