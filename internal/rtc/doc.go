// Package rtc sends streams to WebRTC viewers: one UDP port (and the same TCP
// port), ICE, DTLS and SRTP without a PeerConnection, and egress by shards.
//
//	socket i ─ reader goroutine ─┬ STUN ─► answer, choose the path
//	                             ├ DTLS ─► handshake goroutine, gone when done
//	                             └ SRTCP ► inbox of the viewer's shard
//
//	packets log ─ one token per shard ─► shard i: for each viewer seal the new
//	             packets from the shared log into the shard's own scratch,
//	             one segmented send per viewer and frame ─► socket i
//
// A connected viewer over UDP owns no goroutine and no copy of a payload. All
// of its egress state belongs to its shard's goroutine; readers only post to
// the shard's inbox.
//
// The package may not know HTTP, signatures, domains, or where a stream comes
// from.
package rtc
