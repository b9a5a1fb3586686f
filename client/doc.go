// Package client publishes streams to a Millrace server, and plays them, from Go
// programs: what browsers do by WebRTC, with access units instead of a camera
// and a screen. It speaks ARTC, WHIP (RFC 9725) and WHEP, and works with other
// servers of the latter two.
//
//	p, err := client.Publish(ctx, "artc://host:8080/live/mine", client.PublishOptions{Video: ..., Audio: ...})
//	err = p.Write(ctx, client.AccessUnit{...})
//
//	p, err := client.Play(ctx, "https://host:8443/whep/live/mine", client.PlayOptions{})
//	u, err := p.Next(ctx)
//
// # The native profile
//
// Browsers take Opus and no B-frames. This package offers more: AAC as ADTS
// frames or in LATM (RFC 6416), and H264 with B-frames, whose RTP timestamps are
// decode times beside a header extension that tells the presentation time
// (draft-deping-avtcore-video-bframe). A server that has such a stream sends it
// as it is, and nothing is converted on the way.
//
// # A packet's way
//
//	Write ─► queue per kind ─► packets ─► pacer (pictures) ─► SRTP ─► server
//	                              └► history: what is asked for again (NACK) leaves by RTX
//
//	server ─► SRTP ─► tap ─► repair: in order, gaps asked for at once ─► access units
//	                          ─► held until sender reports tell how sound and pictures
//	                             belong together ─► queue ─► Next
//
// A lost packet holds up what is behind it until it has come or
// PlayOptions.Patience is over. Then pictures are left out up to the next key
// frame, which the server is asked for.
//
// # Connections
//
// Publish and Play make one attempt, unless Reconnect.Initial says otherwise,
// and block until media can flow. A connection that is lost later is made again,
// with growing pauses. The server's goodbye is noticed at once, its silence
// within five seconds. Times go on over reconnections, and a unit behind a gap is
// marked.
//
// Close ends everything: no goroutine and no socket outlives it. Nothing is
// kept in package variables.
//
// The package may not know a server's insides: of this module it uses the
// formats of media and nothing else.
package client
