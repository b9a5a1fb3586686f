// Package media holds the words that every other package shares: Time, Track,
// Frame and Packet.
//
// It is values and pure functions. It may not know sockets, files, HTTP, RTP
// headers, containers, or who publishes and who watches.
//
//	Frame  = one access unit, decode order        (the slow path: files, FLV, HLS)
//	Packet = one piece of it, ready for a datagram (the fast path: WebRTC, trunks)
package media
