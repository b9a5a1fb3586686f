// Package aac knows what an AudioSpecificConfig says (ISO 14496-3), including
// both ways to announce HE-AAC, and writes the headers that carry raw AAC
// elsewhere, ADTS and LATM for RTP (RFC 6416), and reads them back.
//
// It is pure functions over byte slices. It may not know RTP headers, FLV or
// sockets, and it never decodes sound.
package aac
