// Package sdp turns WebRTC session descriptions into decisions and back: it
// reads an offer, chooses the RTP formats of each medium, and writes the
// answer; and it reads and writes the fragments of trickle ICE.
//
// It is pure: no goroutine, no I/O, no clock, no randomness. It may not know
// HTTP, ICE agents, sockets, domains, or who asked.
//
//	body ──ParseOffer──► Offer ──SelectPlay(tracks)──► Selection ──Answer(Transport)──► body
//	                       └──SelectPublish(Ingest)──► Reception ──AnswerPublish(Transport)──► body
//	body ──ParseFragment──► Fragment          Restarted(Transport)──► body
//
// A viewer's answer lists the stream's codec first and then those that the
// viewer could be sent instead; a publisher's lists one codec per medium.
//
// JSEP is RFC 8829, BUNDLE RFC 8843, ICE attributes RFC 8839, DTLS attributes
// RFC 8842, header extensions RFC 8285, source attributes RFC 5576, simulcast
// RFC 8853, trickle ICE RFC 8840, H264 RFC 6184, VP9 RFC 9628, H265 RFC 7798,
// AAC in LATM RFC 6416, Opus RFC 7587.
package sdp
