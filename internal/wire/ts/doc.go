// Package ts turns MPEG-TS (ISO 13818-1) into frames and back.
//
//	bytes ─► packets (sync, continuity) ─► tables: PAT, PMT ─► which PIDs are carried
//	                                    └► PES units ─► H264, H265, AAC, Opus ─► Frame
//
// Packets, tables and PES units are taken apart here. The library's demuxer
// keeps what it collects without a bound, does not say what was lost, reads the
// tables once, and gives a picture away only when the next one begins; a live
// source needs the opposite of all four. What is inside of an Opus unit and in
// LATM the library knows; it also writes the packets.
//
// The package knows bytes and frames, never sockets or files.
package ts
