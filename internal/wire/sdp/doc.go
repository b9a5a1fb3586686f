// Package sdp turns WebRTC session descriptions into decisions and back: it
// reads an offer, chooses one RTP format per medium, and writes the answer.
//
// It is pure: no goroutine, no I/O, no clock, no randomness. It may not know
// HTTP, ICE agents, sockets, domains, or who asked.
//
//	body ──ParseOffer──► Offer ──SelectPlay(tracks)──► Selection
//	                       └────────Answer(Selection, Transport)──► body
//
// JSEP is RFC 8829, BUNDLE RFC 8843, ICE attributes RFC 8839, DTLS attributes
// RFC 8842, header extensions RFC 8285, H264 RFC 6184, AAC in LATM RFC 6416,
// Opus RFC 7587.
package sdp
