// Package srt is the SRT room: one UDP port that takes publishers in and plays.
//
//	socket ─► gosrt: handshake, repair, delivery in time ─► streamid ─► passphrase ─► Admission
//	                                                    ├► MPEG-TS ─► tracks, timeline ─► live.Publisher
//	                                                    └◄ sink ◄─ feed.Viewer ◄─ MPEG-TS, rendered once per stream
//
// A caller's address is proved by a cookie before anything is kept for it. Who is
// refused gets the code that says why (access control guidelines of SRT,
// "Rejection codes"). The room knows its Admission, never domains or keys.
package srt
