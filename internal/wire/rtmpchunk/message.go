package rtmpchunk

import "errors"

// Message types (RTMP 1.0 sections 5.4 and 7.1).
const (
	TypeSetChunkSize    = 1
	TypeAbort           = 2
	TypeAcknowledgement = 3
	TypeUserControl     = 4
	TypeWindowAckSize   = 5
	TypePeerBandwidth   = 6
	TypeAudio           = 8
	TypeVideo           = 9
	TypeDataAMF3        = 15
	TypeCommandAMF3     = 17
	TypeDataAMF0        = 18
	TypeCommandAMF0     = 20
	TypeAggregate       = 22
)

// ControlStream is the chunk stream of protocol control messages.
const ControlStream = 2

// Message is one RTMP message.
type Message struct {
	// ChunkStream is the chunk stream that carried it, 2 to 65599.
	ChunkStream uint32
	// Stream is the message stream id: 0 for the connection itself.
	Stream uint32
	// Timestamp is in milliseconds, modulo 2^32.
	Timestamp uint32
	Type      byte
	// Body belongs to the receiver of the message.
	Body []byte
}

// Limits bound what a peer can make a Reader hold.
type Limits struct {
	// Message is the largest body in bytes.
	Message int
	// Partial is how many chunk streams may have an unfinished message.
	Partial int
	// Buffered is how many bytes all unfinished messages together may take.
	Buffered int
}

// Errors of a Reader. After any of them the stream cannot be read on.
var (
	ErrLimit    = errors.New("RTMP limit exceeded")
	ErrProtocol = errors.New("RTMP chunk stream broken")
)

// defaultChunkSize is in force in each direction until its sender changes it.
const defaultChunkSize = 128

// extended marks a timestamp field whose value follows the header.
const extended = 0xffffff
