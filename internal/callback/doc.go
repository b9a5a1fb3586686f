// Package callback tells other servers, over HTTP, who publishes.
//
//	publisher ─ 2 s ─► queue, which survives restarts ─► one line per domain ─► GET, up to 6 times
//
// It knows publishers as admission tells of them, and HTTP. It may not know
// protocols of media, nor who asks for the history.
package callback
