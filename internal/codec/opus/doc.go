// Package opus knows what the first bytes of an Opus packet (RFC 6716 section
// 3.1) and an identification header (RFC 7845 section 5.1) say.
//
// It is pure functions over byte slices and never decodes sound.
package opus
