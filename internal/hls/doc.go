// Package hls plays streams over HTTP Live Streaming: classic HLS of MPEG-TS or
// fragmented MP4, and Low-Latency HLS (RFC 8216 and draft-pantos-hls-rfc8216bis,
// called 8216bis).
//
//	live.Reader ─► packager: cuts at keys ─► lane ─► view ◄─ playlists
//	               (one per stream and form)              ◄─ segments, parts
//
// A packager lives while somebody asks: each frame is rendered once, for all
// viewers. A lane is what one media playlist lists: both kinds, or where viewers
// ask for that pictures and sound in one each, which are cut at the same times. A
// view is a lane at one moment, immutable and taken without a lock.
//
// A signed request for /{app}/{stream}.m3u8 is admitted and answered with a
// Multivariant Playlist, whose media playlists carry the id of a new session. The
// id stands in for the signature, and a session that asks for no playlist for a
// while is over: that is how viewers are counted. Segments carry no id. Their
// names hold 128 random bits of their packager and are the same for all viewers,
// so that caches in between can share them.
//
// gohlslib is not used: it has no discontinuities, takes one container per muxer
// and counts no viewers.
//
// The package may not know domains, keys or how streams are published.
package hls
