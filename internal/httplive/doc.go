// Package httplive plays streams to viewers over HTTP-FLV and WS-FLV: the same
// FLV bytes as one endless HTTP response, or as binary WebSocket messages.
//
//	live.Reader ─► feed: renders each frame once ─► tagLog ◄─ cursor ── viewer ─► outlet (TCP, HTTP, WebSocket)
//	               (one goroutine per stream)               ◄─ cursor ── viewer ─► outlet
//
// A feed lives while its stream has viewers. A viewer is the goroutine of its
// request: it pulls what is new since its own position and writes all of it at
// once; nothing is queued or copied for it. It begins at the newest key frame.
// A publisher that comes back within the stream's linger time is followed
// within the same response.
//
// Sound that is published as Opus is played from the stream's AAC variant, which
// keeps up with whatever the publisher comes back with; a viewer that asks for
// audio=opus gets the stream as it is, in the enhanced form. Without a variant
// the picture is played alone. Video that FLV does not carry here is refused, and
// ends a viewer when a stream turns to it. Where a publisher can be asked for a
// key frame, a viewer begins with one that is not older than a second.
//
// All viewers of a feed share bytes, and so timestamps: a feed's first frame
// is at 500 ms, and a viewer that joins later begins at the feed's age.
//
// The package may not know domains, keys or how streams are published.
package httplive
