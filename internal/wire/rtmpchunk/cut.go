package rtmpchunk

import "encoding/binary"

// Cut returns the chunks of m in pieces, for readers that have been told of
// chunkSize. The body is that of m followed by more, whose bytes are not copied.
// It depends on nothing that was sent before, so that any number of readers can
// share the pieces. ChunkStream must be 3 to 63.
func Cut(m Message, chunkSize int, more ...[]byte) [][]byte {
	size := len(m.Body)
	for _, b := range more {
		size += len(b)
	}
	field := min(m.Timestamp, extended)
	head := append(make([]byte, 0, 16+len(m.Body)), byte(m.ChunkStream))
	head = append(appendUint24(appendUint24(head, field), uint32(size)), m.Type)
	head = binary.LittleEndian.AppendUint32(head, m.Stream)
	next := []byte{3<<6 | byte(m.ChunkStream)}
	if field == extended {
		head = binary.BigEndian.AppendUint32(head, m.Timestamp)
		next = binary.BigEndian.AppendUint32(next, m.Timestamp)
	}
	pieces, room := [][]byte{head}, chunkSize
	put := func(b []byte) {
		for len(b) > 0 {
			if room == 0 {
				pieces, room = append(pieces, next), chunkSize
			}
			n := min(room, len(b))
			pieces = append(pieces, b[:n:n])
			b, room = b[n:], room-n
		}
	}
	if len(m.Body) <= room {
		pieces[0] = append(head, m.Body...) // one piece less to write
		room -= len(m.Body)
	} else {
		put(m.Body)
	}
	for _, b := range more {
		put(b)
	}
	return pieces
}
