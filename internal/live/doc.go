// Package live is what is happening now: a Hub of Streams, each an append-only
// log of media with a bounded tail. Publishers append; readers hold a position.
// Nothing else moves media.
//
//	Publisher ── Write(Frame) ─► frames log ──(Packetizer, once per stream)──► packets log
//	                                │                                             │
//	                        Reader.Next (slow path)                   Reader.Packets (fast path)
//
// The packets log exists only while somebody reads packets. A publisher that
// goes away leaves its stream lingering; one that comes back continues it.
// A stream that nobody publishes can be supplied on demand by a Supplier.
//
// The package may not know RTP headers, FLV, HTTP, files, domains or keys.
package live
