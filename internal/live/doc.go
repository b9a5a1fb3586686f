// Package live is what is happening now: a Hub of Streams, each an append-only
// log of media with a bounded tail. Publishers append; readers hold a position.
// Nothing else moves media.
//
//	Publisher ── Write(Frame) ───────► frames log ──────► Reader.Next (slow path)
//	                                     │    ▲
//	                        (Packetizer) │    │ (Assembler)
//	                                     ▼    │
//	Publisher ── WritePacket(Packet) ─► packets log ─────► Reader.Packets (fast path)
//
// The view that the publisher does not bring is derived, once per stream and
// only while somebody reads it. A publisher that goes away leaves its stream
// lingering; one that comes back, with the same view or the other, continues it.
// A stream that nobody publishes can be supplied on demand by a Supplier.
//
// The package may not know RTP headers, FLV, HTTP, files, domains or keys.
package live
