package rtc

import (
	"sync/atomic"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// phase is where a viewer's video stands.
type phase uint8

const (
	awaitKey  phase = iota // undecodable until the next key frame
	catchUp                // reads behind its group, at its own pace
	liveEdge               // reads with its group
	paced                  // reads behind its group, as fast as its network takes it
	audioOnly              // wants no video
)

// viewer is the egress side of a session. Once it has joined, only its shard
// touches what is below shard.
type viewer struct {
	session *session
	shard   *shard
	joined  atomic.Bool
	line
	video, audio *sendTrack
	halfSecond   bool // the stream's domain is in half-second mode

	packets    *live.Packets
	errand     *errand    // what it waits for to go over to
	heard      media.Time // of the sound that it was sent before it last went over
	out        *protection
	wide       uint16 // next transport-wide sequence number
	link       link
	origins    origins
	pace       pace
	choice     choice
	turns      int  // to other layers
	chasing    bool // it is among the shard's catching
	phase      phase
	pos        int64 // next packet, while catching up
	budget     int64 // bytes that may be sent now, while catching up
	rate       int64 // bytes per second, while catching up
	last       int64 // when the budget was last filled, Unix ns
	began      bool  // media has been sent
	deaf       bool  // it has no format for the stream's present video codec
	left       bool
	behind     time.Duration // from the capture of the newest picture sent to its send
	replays    int64         // when a PLI last rewound it
	joinAt     int64
	repairs    repairs
	redundancy redundancy
	totals     totals
}

// totals is what the closing log line says.
type totals struct {
	packets, bytes uint64
	drops          map[reason.Reason]uint64
	nacked, resent uint64
	repairs        [fates]uint64 // packets asked for, and sent again unasked, by what became of them
	red            uint64        // packets of sound with what was before
	pli            uint64
}

// playoutDelay encodes least and most delay (units of 10 ms, 12 bits each).
func playoutDelay(least, most time.Duration) uint32 {
	const unit = 10 * time.Millisecond
	return uint32(least/unit)<<12 | uint32(most/unit)
}

// What viewers are told to hold back: what smoothes pictures, up to a bound.
// Where every millisecond counts, nothing while pictures come evenly, and
// otherwise no more than their source strays: players go on for long with what
// they held back once.
//
// Nothing, too, while pictures come late for the network's sake, and for a while
// after, and never much again. Chromium takes late ones for the beat of the
// stream, and for five seconds shows those that are in time again up to a second
// late by it, whatever the bound is, but where that is 0. Then it holds pictures
// back for as long as sound, to which it remembers the network for a minute; what
// it has summed up by then leads it to the bound at once. A smaller layer comes in
// time, and is smoothed as if nothing had been late.
var (
	atOnce   = playoutDelay(0, 0)
	smoothly = playoutDelay(0, 400*time.Millisecond)
)

// recovers is how long it takes a player to forget that pictures and sound came
// late.
const recovers = time.Minute

func (v *viewer) wantedPlayout(g *group, now int64) uint32 {
	late, past := v.pace.late != 0 && !v.aside(), now-v.pace.late
	switch {
	case !v.halfSecond:
		return smoothly
	case g.rhythm.even, late && past >= 0 && past < int64(recovers):
		return atOnce
	}
	spread, _ := g.rhythm.stray()
	for _, most := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		if time.Duration(spread) <= most/2 || late {
			return playoutDelay(0, most)
		}
	}
	return smoothly
}

// announcePlayout makes the first picture that the batch begins tell what has
// changed since the last key frame.
func (v *viewer) announcePlayout(g *group, c *cutter, now int64) {
	t, want := v.video, v.wantedPlayout(g, now)
	if t.playout == want {
		return
	}
	for _, s := range c.segments {
		if pk := c.video[s.from]; pk.Start {
			t.playout, t.announce = want, pk.Time
			return
		}
	}
}

// wait leaves n packets of a codec out, up to the next key frame.
func (v *viewer) wait(c media.Codec, n int) {
	v.phase, v.video.jump = awaitKey, true
	v.deaf = v.video.of(c) == nil
	if v.deaf {
		v.drop(reason.Codec, n)
		return
	}
	v.drop(reason.SkipKeyWait, n)
}

func newViewer(ses *session, sel sdp.Selection, mode catalog.Mode, seed []byte) *viewer {
	v := &viewer{session: ses, halfSecond: mode == catalog.HalfSecond, heard: never}
	v.video = newSendTrack(sel.Video, seed, sel.Others...)
	// The audio's numbers come from other bits of the same seed.
	mixed := make([]byte, len(seed))
	for i := range seed {
		mixed[i] = seed[len(seed)-1-i] ^ 0xA5
	}
	v.audio = newSendTrack(sel.Audio, mixed)
	v.totals.drops = map[reason.Reason]uint64{}
	return v
}

// connected hands the keys over, before the viewer joins its shard.
func (v *viewer) connected(sec *secured) {
	v.out = sec.out
	v.packets = v.session.reader().Packets()
}

// drop counts packets that v does not get, for its closing line and, at the
// end of the shard's turn, for the metrics.
func (v *viewer) drop(why reason.Reason, n int) {
	if n > 0 {
		v.totals.drops[why] += uint64(n)
		v.shard.out.sent.dropped[why] += uint64(n)
	}
}

// overTCP says whether v is sent to over a connection, which loses nothing.
func (v *viewer) overTCP() bool {
	p := v.session.path.Load()
	return p != nil && p.stream != nil
}

// congested says whether packets wait on v's way: what gets lost then is lost to
// that, and more packets would be more loss. Feedback shows it at once, receiver
// reports stand in where there is none.
func (v *viewer) congested(now int64) bool {
	switch {
	case v.overTCP():
		return true
	case v.link.heard != 0:
		return v.link.overused(now)
	}
	return v.queues()
}

// loss is the share of packets that get lost on v's way, as a mean of about a
// second. Receiver reports stand in where there is no feedback on each packet.
func (v *viewer) loss() float64 {
	if v.link.heard != 0 {
		return v.link.loss
	}
	return v.reportedLoss()
}

// queued is how many bytes wait for a viewer's connection; 0 over UDP.
func (v *viewer) queued() int {
	if p := v.session.path.Load(); p != nil && p.stream != nil {
		return p.stream.queued()
	}
	return 0
}
