// Package h264 knows what H264 parameter sets and NAL headers say (ITU-T H.264,
// ISO 14496-15): sizes, profiles, reordering, key frames, parameter sets.
//
// It is pure functions over byte slices. It may not know RTP, FLV, sockets or
// clocks, and it never decodes a picture.
//
//	avcC ──ParseConfig──► SPS, PPS ──ParseSPS──► width, height, reordering
//	AVCC ──ParseUnit────► 4-byte prefixed NALs + {key, B, discardable, in-band sets}
package h264
