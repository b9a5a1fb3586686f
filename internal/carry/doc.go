// Package carry takes media from a file or pipe to a server and back: what the
// commands publish and play do, apart from their flags.
//
//	publish: FLV, MPEG-TS, or anything through ffmpeg ─► source ─► pace ─► client.Publisher
//	play:    client.Player ─► sink (FLV, MPEG-TS) ─► file or pipe
//
// Access units are not converted. It may not know a node's rooms: it talks to
// servers by client alone.
package carry
