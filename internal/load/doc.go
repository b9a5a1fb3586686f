// Package load is a load: a publisher of synthetic video over RTMP, and WebRTC
// viewers that really do ICE, DTLS and SRTP but decode nothing, so that the
// server under test is the bottleneck. It measures from outside, over public
// protocols, and so works against any WHEP server.
//
// It may not know the rooms of a server.
package load
