// Package h265 knows what H265 NAL headers and sequence parameter sets say
// (ITU-T H.265 sections 7.3.1 and 7.3.2).
//
// It is pure functions over byte slices. It may not know RTP, containers or
// sockets, and it never decodes a picture.
package h265
