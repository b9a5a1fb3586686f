// Package av1 knows what the headers of AV1's open bitstream units say (AV1
// specification sections 5.3 and 5.5).
//
// It is pure functions over byte slices. It may not know RTP, containers or
// sockets, and it never decodes a picture.
package av1
