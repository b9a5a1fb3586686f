// Package rtc sends streams to WebRTC viewers and takes them from WebRTC
// publishers: one UDP port (and the same TCP port), ICE, DTLS and SRTP without a
// PeerConnection, and egress by shards.
//
//	socket i ─ reader goroutine ─┬ STUN ─► answer, choose the path
//	                             ├ DTLS ─► handshake goroutine, gone when done
//	                             ├ SRTCP ► inbox of the viewer's shard
//	                             └ SRTP ─► ingest of the publisher: opened once into
//	                               the memory that it stays in, repeats decoded, gaps
//	                               asked for at once, timed, numbered ─► packets log
//
//	packets log ─ one token per shard ─► shard i: for each viewer seal the new
//	             packets from the shared log into the shard's own scratch,
//	             one segmented send per viewer and frame ─► socket i
//
// A connected viewer over UDP owns no goroutine and no copy of a payload. All
// of its egress state belongs to its shard's goroutine; readers only post to
// the shard's inbox.
//
// What a viewer asks for again goes out before what is new, once per round trip,
// from a share of the viewer's rate. What its transport-wide feedback tells the
// loss of goes out again unasked (origins.go): requests get lost, too. Where much gets lost without a queue on the
// way, repeats go out more than once, and at last pictures go out twice
// (repeats.go); sound goes out with what was before it, and twice (red.go). Forward error
// correction is left out: ULPFEC takes sequence numbers of the pictures' own
// stream, which a repeat is found by, and Chromium takes FlexFEC only behind a
// field trial.
//
// A publisher owns one goroutine, for what time asks for: repeated requests,
// congestion feedback, reports, key frame requests. Its packets are taken on the
// readers' goroutines, under the ingest's mutex, with two allocations each: the
// payload and the media.Packet.
//
// The package may not know HTTP, signatures, domains, or where a stream comes
// from.
package rtc
