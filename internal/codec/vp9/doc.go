// Package vp9 knows what the first bytes of a VP9 frame say (VP9 bitstream
// specification section 6.2): whether it is a key frame, and how large the
// picture is.
//
// It is pure functions over byte slices. It may not know RTP, containers or
// sockets, and it never decodes a picture.
package vp9
