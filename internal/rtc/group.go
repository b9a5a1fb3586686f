package rtc

import (
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// group is a shard's viewers of one stream.
type group struct {
	packets *live.Packets
	cursor  int64
	spared  int64 // Unix ns of the last request for viewers whose networks do not carry it
	from    int64 // where the batch that was gathered last begins
	meter   meter // of its pictures
	looked  int64 // Unix ns of when there was last nothing behind cursor
	viewers []*viewer
	rhythm  rhythm
	// audio and source are the sound of the stream, and of what that is made of, that
	// the viewers were looked at for.
	audio, source *media.Track
	inVain        int64      // Unix ns of when what a viewer was to go over to could last not be had; 0: never
	again         int        // how often it was sent for again since
	heard         media.Time // of the latest sound that a viewer had heard when it came here from another log
	missed        int64      // number of a picture packet that the log lacks and a viewer asked for, or nothing
	offset        int64      // capture clock: Unix ns of stream time 0; 0: not known
	followed      int64      // Unix ns of when offset last moved
	pictured      int64      // Unix ns of when a picture last moved it
}

// historyPackets is how far back a new group looks for its stream's rhythm.
const historyPackets = 4096

// newGroup makes the group of a stream as it is now.
func newGroup(log *live.Packets, now int64) *group {
	g := &group{packets: log, cursor: log.Head(), looked: now, missed: nothing, heard: never, rhythm: rhythm{even: true}}
	for pos := max(0, g.cursor-historyPackets); pos < g.cursor; pos++ {
		if pk := log.At(pos); pk != nil && pk.Kind == media.Video && pk.Layer == 0 {
			g.rhythm.see(pk)
		}
	}
	g.follow(log.At(g.cursor-1), now)
	return g
}

// The capture clock of a source may be an estimate, which moves. Viewers relate
// their tracks to it, and see it step by no more than this.
const (
	clockSlew = 500                   // one part of so many of the time that passes
	clockStep = 50 * time.Millisecond // further off, it is another clock
)

// follow learns the stream's capture clock from pk. Both kinds share one: their
// times are in step. Pictures name it while there are any.
func (g *group) follow(pk *media.Packet, now int64) {
	if pk == nil || pk.Capture == 0 {
		return
	}
	if pk.Kind == media.Video {
		g.pictured = now
	} else if now-g.pictured < int64(2*time.Second) {
		return
	}
	to := pk.Capture - int64(pk.Time) - pk.Composition
	off := to - g.offset
	if most := max(0, now-g.followed) / clockSlew; g.offset != 0 && max(off, -off) < int64(clockStep) {
		off = min(max(off, -most), most)
	}
	g.offset += off
	g.followed = now
}
