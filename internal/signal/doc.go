// Package signal is where WebRTC peers come in: an offer over HTTP in, an
// answer out. It speaks the vendor's ARTC (JSON), WHIP (RFC 9725) and WHEP
// (draft-ietf-wish-whep).
//
//	POST /{app}/{stream}            ServeARTC ─┐                    ┌─► Admission: a Reader
//	POST /whip/{app}/{stream}       ServeWHIP ─┤                    │   or a Publisher
//	POST /whep/{app}/{stream}       ServeWHEP ─┼─ offer ─► play, ───┤
//	     /whip/{app}/{stream}/{id}  ServeWHIP ─┤           publish  └─► Peers: a session
//	     /whep/{app}/{stream}/{id}  ServeWHEP ─┘   (wire/sdp)
//
// Sessions are not kept here: what a session's URL needs is in the URL itself,
// sealed; only of ICE restarts and goodbyes a bounded number is remembered.
// Every request is answered within five seconds, which is as long as the
// vendor's player waits. All answers carry CORS headers.
//
// The package may not know domains, keys, RTP, ICE or how media is sent.
package signal
