package rtc

import (
	"time"

	"millrace/internal/media"
)

// A publisher's tracks have RTP clocks of their own. Before it tells how they
// belong together, its promptest packets do: what arrives early was hardly
// delayed. Its sender reports then name one wall clock for all of them. Sound
// keeps its own times to the sample, as its packets must follow each other
// without a gap; those of pictures are slewed, never stepped, to where the sound is.

const (
	slewShare     = 20                     // at most 1/20 of the time that passes: 1 ms in 20 ms
	slewFrom      = 500 * time.Microsecond // nearer is in step
	slewTo        = 50 * time.Microsecond  // where slewing ends
	promptWindow  = 30 * time.Second       // how long a promptest packet counts
	clockJump     = time.Second            // against arrival: the RTP clock was set
	wrongReport   = 2 * time.Second        // off what arrival says: the report is wrong
	wrongReports  = 3                      // in a row: the publisher's wall clock was set
	staleReport   = 10 * time.Second       // off the media that came last
	shortestFrame = 100 * time.Microsecond // between times that must not be the same
)

// wallClock relates the wall clock in a publisher's sender reports to its
// session's scale, for all of its tracks.
type wallClock struct {
	offset     int64 // ns to add to the publisher's wall clock
	set        bool
	generation int
	lead       *rtpClock // the sound's, which is not slewed; nil: no clock is
}

// rtpClock turns one source's RTP timestamps into times on its session's scale:
// ns since the session began, as they would arrive without delay.
type rtpClock struct {
	rate int64
	wall *wallClock

	began bool
	ticks int64 // of the newest timestamp, with its roll-overs
	at    int64 // when it arrived
	off   int64 // time - local time, in force

	older, newer int64 // smallest arrival - local time, of the last and this window
	opened       int64
	bias         int64 // off - prompt, as learned from reports
	biasBy       int   // generation of wall, counted from 1; 0: nothing learned
	slewing      bool
	behind       int64 // since when everything arrives too late, or -1

	mapping   int64 // wall clock - local time, by the newest report
	mapped    bool
	mappedBy  int // generation of wall
	suspected int
}

// local is the time of ticks by the source's own clock.
func (c *rtpClock) local(ticks int64) int64 { return int64(media.FromUnits(ticks, c.rate)) }

// extend returns the ticks nearest to the newest that ts stands for.
func (c *rtpClock) extend(ts uint32) int64 { return c.ticks + int64(int32(ts-uint32(c.ticks))) }

// prompt is arrival - local time of the promptest packet lately.
func (c *rtpClock) prompt() int64 { return min(c.older, c.newer) }

// time is the time of a timestamp of a packet that is not the newest.
func (c *rtpClock) time(ts uint32) media.Time { return media.Time(c.local(c.extend(ts)) + c.off) }

// place returns the time of the newest packet, with timestamp ts, which arrived
// at, in ns since the session began. jumped says that the RTP clock was set.
func (c *rtpClock) place(ts uint32, at int64) (t media.Time, jumped bool) {
	if !c.began {
		c.began, c.ticks, c.at, c.opened, c.behind = true, int64(ts), at, at, -1
		c.off = at - c.local(c.ticks)
		c.older, c.newer = c.off, c.off
		return media.Time(at), false
	}
	ticks := c.extend(ts)
	local, before := c.local(ticks), c.local(c.ticks)
	early := at - local
	if c.jumps(early, local-before, at) {
		c.rebase(early, before, local)
		c.ticks, c.at = ticks, at
		return media.Time(local + c.off), true
	}
	if at-c.opened > int64(promptWindow) {
		c.opened, c.older, c.newer = at, c.newer, early
	}
	c.newer = min(c.newer, early)
	c.slew(min(at-c.at, local-before))
	c.ticks, c.at = ticks, at
	return media.Time(local + c.off), false
}

// jumps says whether the RTP clock was set: it is ahead of what can have been
// captured, has gone back, or stays behind.
func (c *rtpClock) jumps(early, passed, at int64) bool {
	late := early - c.prompt()
	if late < int64(clockJump) {
		c.behind = -1
	} else if c.behind < 0 {
		c.behind = at
	}
	return late < -int64(clockJump) || passed < -int64(clockJump) ||
		c.behind >= 0 && at-c.behind > int64(clockJump)
}

// rebase goes on with the time that has passed by arrival.
func (c *rtpClock) rebase(early, before, local int64) {
	last := before + c.off
	c.off += early - c.prompt()
	if local+c.off <= last {
		c.off = last + int64(shortestFrame) - local
	}
	c.older, c.newer = early, early
	c.opened, c.behind, c.mapped = early+local, -1, false
}

// slew moves the times towards where the reports or, before them, the arrivals
// say that the sound of the same moment is. passed is the time since the last
// packet.
func (c *rtpClock) slew(passed int64) {
	lead := c.wall.lead
	if passed <= 0 || lead == nil || lead == c || !lead.began {
		return
	}
	diff := lead.off + c.after(lead) - c.off
	size := max(diff, -diff)
	if c.slewing = size > int64(slewFrom) || c.slewing && size > int64(slewTo); !c.slewing {
		return
	}
	most := passed / slewShare
	c.off += max(-most, min(most, diff))
}

// after is how much more than to the lead's local times is to be added to c's.
func (c *rtpClock) after(lead *rtpClock) int64 {
	now := c.wall.generation
	if c.mapped && lead.mapped && c.mappedBy == now && lead.mappedBy == now {
		return c.mapping - lead.mapping
	}
	d := c.prompt() - lead.prompt()
	if c.biasBy != 0 && c.biasBy == lead.biasBy {
		d += c.bias - lead.bias
	}
	return d
}

// nudge moves the times so that ts is at t, from where they are slewed back.
func (c *rtpClock) nudge(ts uint32, t media.Time) { c.off = int64(t) - c.local(c.extend(ts)) }

// report takes a sender report: the RTP timestamp ts stands for the publisher's
// wall clock wall, in ns.
func (c *rtpClock) report(wall int64, ts uint32) {
	if !c.began || wall == 0 {
		return
	}
	ticks := c.extend(ts)
	local := c.local(ticks)
	if d := local - c.local(c.ticks); d > int64(staleReport) || d < -int64(staleReport) {
		return
	}
	m := wall - local
	if !c.wall.set {
		c.wall.set, c.wall.offset = true, c.off-m
	}
	off := m + c.wall.offset
	if d := off - c.prompt(); d > int64(wrongReport) || d < -int64(wrongReport) {
		if c.suspected++; c.suspected < wrongReports {
			return
		}
		c.wall.generation++
		c.wall.offset = c.off - m
		off = c.off
	}
	c.suspected = 0
	c.mapping, c.mapped, c.mappedBy = m, true, c.wall.generation
	c.bias, c.biasBy = off-c.prompt(), c.wall.generation+1
}
