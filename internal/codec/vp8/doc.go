// Package vp8 knows what the first bytes of a VP8 frame say (RFC 6386 section
// 9.1): whether it is a key frame, and how large the picture is.
//
// It is pure functions over byte slices. It may not know RTP, containers or
// sockets, and it never decodes a picture.
package vp8
