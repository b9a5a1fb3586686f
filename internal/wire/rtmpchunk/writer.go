package rtmpchunk

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Writer cuts messages into chunks. One goroutine uses it.
type Writer struct {
	out       *bufio.Writer
	chunkSize int
	last      map[uint32]header
}

// header is what the next header of the same chunk stream may leave out.
type header struct{ stream, timestamp uint32 }

// NewWriter returns a Writer on w, which it buffers until Flush.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 16<<10), chunkSize: defaultChunkSize, last: map[uint32]header{}}
}

// SetChunkSize tells the peer of a new chunk size and uses it, 1 to 16777215.
func (w *Writer) SetChunkSize(size int) error {
	body := binary.BigEndian.AppendUint32(nil, uint32(size))
	if err := w.Write(Message{ChunkStream: ControlStream, Type: TypeSetChunkSize, Body: body}); err != nil {
		return err
	}
	w.chunkSize = size
	return nil
}

// Write writes m, whose body may have up to 16777215 bytes. It blocks while the
// underlying writer does. Of the header forms it uses 0 and 1, and 3 inside a
// message: those that all readers agree on.
func (w *Writer) Write(m Message) error {
	var buf [18]byte
	field, compact := w.field(m)
	h := appendBasic(buf[:0], compact, m.ChunkStream)
	h = appendUint24(h, min(field, extended))
	h = append(appendUint24(h, uint32(len(m.Body))), m.Type)
	if compact == 0 {
		h = binary.LittleEndian.AppendUint32(h, m.Stream)
	}
	for body := m.Body; ; {
		if field >= extended {
			h = binary.BigEndian.AppendUint32(h, field)
		}
		n := min(len(body), w.chunkSize)
		if _, err := w.out.Write(h); err != nil {
			return err
		}
		if _, err := w.out.Write(body[:n]); err != nil {
			return err
		}
		if body = body[n:]; len(body) == 0 {
			break
		}
		h = appendBasic(buf[:0], 3, m.ChunkStream)
	}
	w.last[m.ChunkStream] = header{m.Stream, m.Timestamp}
	return nil
}

// Flush writes out what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }

// field returns the timestamp field of m and the header format: a delta where
// the chunk stream goes forward on the same message stream.
func (w *Writer) field(m Message) (field uint32, format byte) {
	last, ok := w.last[m.ChunkStream]
	if delta := m.Timestamp - last.timestamp; ok && last.stream == m.Stream && delta < extended {
		return delta, 1
	}
	return m.Timestamp, 0
}

func appendBasic(b []byte, format byte, id uint32) []byte {
	switch {
	case id < 64:
		return append(b, format<<6|byte(id))
	case id < 320:
		return append(b, format<<6, byte(id-64))
	}
	return append(b, format<<6|1, byte(id-64), byte((id-64)>>8))
}

func appendUint24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }
