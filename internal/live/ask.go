package live

import "millrace/internal/media"

// Assembler puts packets together to frames. An Assembler belongs to one
// stream and is never called concurrently.
type Assembler interface {
	// Assemble takes the next packet in arrival order, which it must not
	// change, and returns the frames that are complete now, each kind in
	// decode order. Video begins with a key frame, and after a loss again.
	Assemble(pk *media.Packet) []*media.Frame
	// Lost reports since the last call whether video is missing that only a
	// key frame can make good.
	Lost() bool
}

// WritePacket appends one packet of a publisher that brings packets, and takes
// ownership of it. Packets may come in any order; Seq, which counts per Kind,
// and Time are on the publisher's own scale and are moved onto the stream's.
// The error says why the publisher may not publish any more.
func (p *Publisher) WritePacket(pk *media.Packet) error { return p.cause() }

// OnKeyRequest makes ask the way to ask the publisher for a key frame. ask is
// called by any goroutine, at most every 500 ms, and must not block. It is set
// before Announce.
func (p *Publisher) OnKeyRequest(ask func()) {}

// Alive notes a sign of life of a publisher that has no media to send now.
func (p *Publisher) Alive() {}

// RequestKey asks the stream's publisher for a key frame. It reports whether
// the publisher can be asked; requests within 500 ms are one.
func (r *Reader) RequestKey() bool { return false }
