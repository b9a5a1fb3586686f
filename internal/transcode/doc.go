// Package transcode makes the variants of a stream: the same video, and the
// sound as Opus for viewers that take nothing else, or as AAC for players of FLV.
//
// It may know the hub's streams, AAC, Opus and how to run ffmpeg. It may not
// know who watches, HTTP, RTP or domains. A variant runs once per stream and
// only while somebody reads it.
//
//	source ──► variant ── video frames, as they are ───────────────────► variant
//	            │ └────── sound that is what is wanted, as it is ──────►    ▲
//	            ├── AAC-LC ─► decoder ───┐                                  │
//	            ├── Opus ───► decoder ───┼─► voice ─► packets ──────────────┘
//	            └── other AAC ─► ffmpeg ─┘    │
//	                                          ├ clock      jittered stamps → drift
//	                                          ├ resampler  any rate → 48 kHz
//	                                          └ encoder    Opus, 20 ms; or AAC-LC, 1024 samples
//
// A source may change its sound at any time, with its publisher or without: the
// variant takes the way that fits, announces a new track where the sound is
// another, and goes on.
//
// # Time
//
// The number of samples drives time, not the stamps of the source: those are
// rounded to milliseconds by RTMP and wander. Packets are stamped on a grid of
// exactly their length, because an RTP receiver takes a step of even one tick
// more than a packet's length for a loss and conceals it. What the source's clock
// drifts against its samples is taken up by the resampler, whose ratio moves by
// at most 0.1 %; nothing is ever cut out or repeated. Where the source has a
// gap, the variant has one too, and the grid starts anew behind it. What an
// encoder puts in front is taken off the stamps: who plays a packet at its PTS
// hears what was captured then.
//
// Of Opus, packets get lost, and senders that are silent send few. Gaps up to a
// second are filled by what the decoder makes up, and by what the next packet
// says about the lost one; what comes after that is left out. While there are
// pictures, sound that stops altogether goes on as silence half a second behind
// them, since players wait for sound that was announced.
//
// # Why AAC is made in process
//
// Measured with 48 kHz stereo of 128 kbit/s, judged by ffmpeg's decoder: the
// encoder here has an SNR of 11.0 dB and a log-spectral distance of 5.0 dB for
// music with drums, 32 dB and 2.6 dB for speech; ffmpeg's own, 10.5 and 4.8 dB,
// and 27 and 2.4 dB. With the Opus decoder it takes 2.5 to 4.5 % of a core per
// stream; a process of ffmpeg takes 3 to 7 %, 56 MB and 90 to 100 ms to the
// first sound. An access unit comes out 43 ms after the last sample it stands
// for, in both: the encoders hold back the same.
package transcode
