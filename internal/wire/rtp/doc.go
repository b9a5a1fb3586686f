// Package rtp knows RTP payloads. It cuts frames into them, once per stream:
// H264 by RFC 6184, H265 by RFC 7798, VP9 by RFC 9628, AV1 by its own payload
// format, Opus by RFC 7587, AAC as ADTS frames. It tells what one payload shows of
// its picture, for all codecs that are carried, and puts payloads of all but VP8
// together to frames again. Headers are not its business: they differ
// per viewer and are written where packets are sent.
//
//	Frame ──Packetizer──► Packet ──Inspect──► key? parameter sets? size?
//	Frame ◄─Assembler──── Packet, reordered, repeated, with gaps
//
// It may not know sockets, viewers, encryption or congestion.
package rtp
