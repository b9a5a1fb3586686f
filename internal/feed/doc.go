// Package feed plays streams to viewers over connections that take bytes in
// order, TCP and what stands on it: each frame is rendered once per stream and
// protocol, and its bytes are shared by all viewers.
//
//	live.Reader ─► Feed: renders each frame once ─► log ◄─ cursor ── Viewer ─► Sink (TCP, TLS, HTTP/2, WebSocket)
//	               (one goroutine per stream)           ◄─ cursor ── Viewer ─► Sink
//
// A viewer on plain TCP that has got all there was is written to by a walker: one
// goroutine that goes from viewer to viewer with bytes that are put together
// once, and never waits. A viewer whose socket is full goes back to its own
// goroutine until it has caught up.
//
// A Feed lives while its stream has viewers; a Set finds the one that a viewer
// shares. A Viewer gets what is new since its own position, all of it in one
// write; nothing is queued or copied for it. It begins at the newest key
// frame. A publisher that comes back within the stream's linger time is
// followed on the same connection.
//
// Sound that is published as Opus is played from the stream's AAC variant, which
// keeps up with whatever the publisher comes back with; a viewer that takes Opus
// gets the stream as it is. Without a variant the picture is played alone. Video
// that a Renderer does not carry is refused, and ends a viewer when a stream
// turns to it. Where a publisher can be asked for a key frame, a viewer begins
// with one that is not older than a second.
//
// All viewers of a Feed share bytes, and so timestamps: a Feed's first frame is
// at 500 ms, and a viewer that joins later begins at the Feed's age.
//
// The package may not know domains, keys, HTTP, RTMP, or how streams are
// published.
package feed
