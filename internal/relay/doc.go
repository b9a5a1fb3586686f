// Package relay is the room that reaches out: it pulls streams from other servers
// and pushes streams to them.
//
//	hub asks, as for any supplied stream ─► Puller ─► sources, one after the other ─► Origin ─► frames ─► live.Publisher
//	hub says that a stream is published  ─► Pusher ─► per target: live.Reader ─► Target
//
// A pull lasts as long as somebody reads the stream; one that is permanent has a
// reader of its own. What goes wrong with a source makes the next one take over,
// and what goes wrong with a target is tried again, with growing pauses.
//
// The package knows HTTP-FLV and HLS as a client. Those who speak other protocols
// are handed to it by scheme. It reaches nothing but through its Guard.
package relay
