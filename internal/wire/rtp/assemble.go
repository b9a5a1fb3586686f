package rtp

import (
	"cmp"
	"slices"
	"time"

	"millrace/internal/media"
)

const (
	// videoWait is how long pictures wait for a packet after one behind it has
	// come: a few tries of NACK and repeat over 100 ms each way. Who waits
	// longer falls behind further than a new key frame takes to come.
	videoWait = int64(500 * time.Millisecond)
	// audioWait is the same for sound: one try. What comes later leaves a hole
	// in the sound that decoders conceal, and sound behind it flows again.
	audioWait = int64(100 * time.Millisecond)
	// settleWait is how long the first packets wait for such with lower
	// numbers, when they do not show that they begin a key frame.
	settleWait = int64(100 * time.Millisecond)
	// askAgain is after which time without a key frame Lost repeats itself:
	// the request or its answer may have been lost as well.
	askAgain = int64(time.Second)

	// Half a second of 75 Mbit/s in packets of MaxPayload; and more bytes than
	// a key frame has.
	videoSpan, videoRoom = 4096, 8 << 20
	// maxSets is more parameter sets than an access unit needs: to compare
	// them costs time.
	maxSets = 64
	// audioWait of sound in packets of 2.5 ms and fragments of AAC many times over.
	audioSpan, audioRoom = 512, 1 << 20
)

// Assembler puts packets together to frames, the inverse of Packetizer: H264,
// H265, AV1, VP9, AAC as ADTS, and Opus. It implements live.Assembler. Packets of
// other codecs make no frames. It is not safe for concurrent use.
//
// At most videoRoom and audioRoom bytes of payload wait for missing packets.
// Time is that of Packet.Arrived or, in packets without it, Packet.Time.
type Assembler struct {
	video videoLane
	audio audioLane
	now   int64 // the latest time that a packet told
	out   []*media.Frame
}

// NewAssembler returns an Assembler of a stream with the announced tracks,
// either of which may be nil. Frames have the announced Track, the very
// pointer, as long as what comes agrees with it.
func NewAssembler(video, audio *media.Track) *Assembler {
	a := &Assembler{}
	a.video.lane = lane{span: videoSpan, room: videoRoom, wait: videoWait}
	a.audio.lane = lane{span: audioSpan, room: audioRoom, wait: audioWait}
	a.video.needKey = true
	a.video.track.adopt(video)
	a.audio.track.adopt(audio)
	return a
}

// Assemble takes the next packet in arrival order and returns the frames that
// are complete now, each kind in decode order, DTS ascending over both as far
// as they come together. Reordered and repeated packets are fine. It keeps pk's
// payload, but not pk.
//
// A picture comes out only when all of it is there. Video begins with a key
// frame, and after a picture is given up, again, unless no other refers to it.
// Sound that is missing is left out. Numbers of one kind may run back with a
// Discontinuity only.
//
// Frames' Data is own memory for video and for AAC that came in fragments; else
// it is a part of the packet's payload.
func (a *Assembler) Assemble(pk *media.Packet) []*media.Frame {
	if !usable(pk) {
		return nil
	}
	now := pk.Arrived
	if now == 0 {
		now = int64(pk.Time)
	}
	if now > a.now || pk.Discontinuity {
		a.now = now
	}
	if pk.Kind == media.Audio {
		a.audio.take(a, pk)
	} else {
		a.video.take(a, pk)
	}
	a.video.expire(a)
	a.audio.expire(a)
	out := a.out
	a.out = nil
	if len(out) > 1 {
		slices.SortStableFunc(out, func(x, y *media.Frame) int { return cmp.Compare(x.DTS, y.DTS) })
	}
	return out
}

// Lost reports, once per loss and again each second that passes without a key
// frame, that video is missing that only a key frame can make good.
func (a *Assembler) Lost() bool {
	lost := a.video.lost
	a.video.lost = false
	return lost
}
