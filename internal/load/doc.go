// Package load is a load for streaming servers: publishers of synthetic video
// with the time of sending in each picture, and viewers that really do ICE, DTLS
// and SRTP, or read FLV or RTMP, but decode nothing, so that the server under test is the
// bottleneck. It measures from outside, over public protocols, and so works
// against any server of WHIP and WHEP, ARTC, RTMP or HTTP-FLV.
//
//	Publish ─► RTMP or WHIP ─► server ─► pool: all WebRTC viewers, polled by one goroutine
//	   └ stamp in each slice     │           └ lane: frames, gaps, the stamp's age
//	                             └─► HTTP-FLV and RTMP viewers, a goroutine or two each
//
// Load puts numbers of viewers on a server, Join times single viewers, Churn lets
// many come and go, Loss makes the network bad.
//
// It may not know the rooms of a server.
package load
