// Package hls turns media into what HTTP Live Streaming is made of: playlists as
// text (RFC 8216 and its second edition, draft-pantos-hls-rfc8216bis, called
// 8216bis below), MPEG-TS, and fragmented MP4 with one track per file.
//
//	Multivariant ─► Playlist ─► segments: TS, or Init and Fragments
//
// Containers are written by mediacommon. The package may not know sockets, HTTP,
// who watches, or when a segment ends.
package hls
