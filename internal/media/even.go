package media

import "time"

const (
	// maxEven is the longest that Even holds a unit back.
	maxEven = 60 * time.Millisecond
	// minEven is what is not worth a timer.
	minEven = 3 * time.Millisecond
	// evenRise is by how much one late unit moves the time of all, but for what is
	// as late as one in the window before: bursts are learned within seconds, and a
	// single stall is nearly ignored.
	evenRise = time.Millisecond
	// evenFall is the part of the time that passes by which it moves back, to the
	// latest unit of the last one or two evenWindows.
	evenFall   = 20
	evenWindow = time.Second
	// evenLeap is how far a unit may be off before its source has another clock.
	evenLeap = 500 * time.Millisecond
)

// Even says when units of sound leave, so that they leave as evenly as they were
// made. Encoders that put sound and pictures into one file write sound in bursts
// as long as a picture, and a player that gets bursts holds everything back for
// much longer than they last. The zero value is ready.
type Even struct {
	set  bool
	late int64 // ns from a unit's time to when it leaves
	at   int64 // Unix ns, of the unit before

	since    int64 // Unix ns, when the present window began
	now, was int64 // the latest unit of it and of the one before, as late is
}

// Due returns when the unit stamped t leaves that has come at now, both in Unix ns.
// It is not before now, nor more than 60 ms after it.
func (e *Even) Due(t Time, now int64) int64 {
	off := now - int64(t)
	if d := off - e.late; !e.set || max(d, -d) > int64(evenLeap) {
		*e = Even{set: true, late: off, at: now, since: now, now: off, was: off}
		return now
	}
	if now-e.since > int64(evenWindow) {
		e.since, e.was, e.now = now, e.now, off
	}
	e.now = max(e.now, off)
	fallen := e.late - max(0, now-e.at)/evenFall
	e.at = now
	e.late = min(e.late, max(fallen, e.now, e.was), off+int64(maxEven))
	if off > e.late {
		e.late = min(off, max(e.late+int64(evenRise), min(e.now, e.was)))
	}
	due := int64(t) + e.late
	if due-now < int64(minEven) {
		return now
	}
	return due
}
