// Package links makes the URLs of a stream, signed: what to give to OBS, to
// ffmpeg, to the vendor's SDK and to other players.
//
// It is pure functions of a catalog and of where a node listens. It may not
// know sockets, or what listens there.
package links
