// Package httplive plays streams to viewers over HTTP-FLV and WS-FLV: the same
// FLV bytes as one endless HTTP response, or as binary WebSocket messages.
//
//	request ─► Admission ─► feed.Set ─► feed.Viewer ─► outlet (TCP, HTTP, WebSocket)
//
// A viewer over HTTP/1 gets its connection taken over from the http.Server, which
// so keeps nothing of it; any other is the goroutine of its request. Package feed
// says how viewers are served.
// A viewer that asks for audio=opus gets Opus as it is, in the enhanced form, and
// one that asks for onlyaudio=1 or onlyvideo=1 gets that alone.
//
// The package may not know domains, keys or how streams are published.
package httplive
