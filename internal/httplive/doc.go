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
// All viewers of a stream share bytes, and so timestamps: a feed's first frame
// is at 500 ms, and a viewer that joins later begins at the feed's age.
//
// The package may not know domains, keys or how streams are published.
package httplive
