// Package rtp cuts frames into RTP payloads, once per stream: H264 by RFC 6184,
// Opus by RFC 7587, AAC as ADTS frames. Headers are not its business: they
// differ per viewer and are written where packets are sent.
//
// It may not know sockets, viewers, encryption or congestion.
package rtp
