// Package rtmp is the RTMP room: a server of publishers and players, and a
// client that publishes.
//
//	socket ─► handshake ─► chunks ─► commands: connect, createStream, publish, play ─► Admission
//	                             └─► audio, video, data ─► tracks, timeline ─► live.Publisher
//	socket ◄─ feed.Conn ◄─ feed.Viewer ◄─ feed.Feed: chunks, rendered once for all players
//
// Handshake and AMF0 are gortmplib's. The exchange of commands is our own, since
// its ServerConn refuses with one fixed text, and its message reader fails on
// types that it does not know (AMF3, aggregates, ModEx); so is the chunk layer,
// for the reasons that package rtmpchunk gives. AMF0 is decoded from small messages
// only: the library's decoder recurses once per nesting level, and 9 MB of
// nested arrays end the whole process by a stack overflow.
//
// One goroutine serves a connection; a second one waits for the end of the
// right to publish, or plays. The package knows its Admission, never domains or keys.
package rtmp
