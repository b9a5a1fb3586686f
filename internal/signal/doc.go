// Package signal is where WebRTC viewers come in: an offer over HTTP in, an
// answer out. It speaks the vendor's ARTC (JSON) and WHEP (draft-ietf-wish-whep).
//
//	POST /{app}/{stream}            ServeARTC ─┐                    ┌─► Admission: a Reader
//	POST /whep/{app}/{stream}       ServeWHEP ─┼─ offer ─► play ────┤
//	     /whep/{app}/{stream}/{id}  ServeWHEP ─┘   (wire/sdp)       └─► Peers: a session
//
// Nothing of a session stays here: what a WHEP session's URL needs is in the
// URL itself, sealed. Every request is answered within five seconds, which is
// as long as the vendor's player waits. All answers carry CORS headers.
//
// The package may not know domains, keys, RTP, ICE or how media is sent.
package signal
