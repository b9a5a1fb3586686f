// Package transcode makes the Opus variant of a stream: the same video, and the
// sound as Opus for viewers that take nothing else.
//
// It may know the hub's streams, AAC, Opus and how to run ffmpeg. It may not
// know who watches, HTTP, RTP or domains. A variant runs once per stream and
// only while somebody reads it.
//
//	source ──► variant ── video frames, as they are ─────────────────► Opus
//	            │                                                     variant
//	            ├── AAC-LC ─► decoder ───┐                               ▲
//	            │                        ├─► voice ─► 20 ms Opus packets ┘
//	            └── other AAC ─► ffmpeg ─┘    │
//	                                          ├ clock      jittered stamps → drift
//	                                          ├ resampler  any rate → 48 kHz
//	                                          └ encoder
//
// # Time
//
// The number of samples drives time, not the stamps of the source: those are
// rounded to milliseconds by RTMP and wander. Packets are stamped on a grid of
// exactly 20 ms, because an RTP receiver takes a step of even one tick more
// than a packet's length for a loss and conceals it. What the source's clock
// drifts against its samples is taken up by the resampler, whose ratio moves by
// at most 0.1 %; nothing is ever cut out or repeated. Where the source has a
// gap, the variant has one too, and the grid starts anew behind it.
package transcode
