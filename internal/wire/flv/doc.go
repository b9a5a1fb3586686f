// Package flv turns media into FLV bytes and FLV bytes into media: the
// container of HTTP-FLV, WS-FLV and of the pipes to encoder processes.
//
//	file   = header, PreviousTagSize 0, tag...
//	tag    = type, size, timestamp, stream id │ body │ PreviousTagSize
//	body   = codec header │ Frame.Data as it is
//
// H264 and AAC travel in the classic form (Adobe FLV 10.1, annex E), Opus, H265,
// AV1 and VP9 in the form of Enhanced RTMP v2, by FourCC; no metadata packets of the
// enhanced form are written, because players in use stop at them.
//
// Timestamps are milliseconds modulo 2^32. The package may not know sockets,
// HTTP, processes, or why anybody wants the bytes.
package flv
