// Package rtmpchunk cuts RTMP messages into chunks and joins chunks to messages
// (RTMP 1.0 section 5.3).
//
// gortmplib has such a layer, too. This one exists for what that one was
// measured not to do: it fails on chunk stream ids above 63, lets one peer that
// has not said who it is make it hold 610 MB (61 unfinished messages of 10 MB),
// and loses the delta of a type 3 chunk that follows a type 0 one, which ffmpeg
// sends.
//
// The package may not know commands, AMF, media, sockets or deadlines.
//
//	bytes ──Reader──► Message{type, timestamp, body} ──Writer──► bytes
package rtmpchunk
