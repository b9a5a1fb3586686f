package srt

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unsafe"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/timeline"
)

const (
	// clockWindow is how long the promptest packet counts: a clock that runs slow
	// by 200 ppm is followed within 4 ms.
	clockWindow = 10 * time.Second
	// eager is how many packets are looked at as they come, and sparing how many
	// are passed over afterwards: some hundred come per second.
	eager, sparing = 50, 8
)

// peerClock sees to it that what a peer sends is handed on when the latency has
// passed since it came, whatever the peer's clock does and whenever it began
// (draft-sharabayko-srt-01 section 4.7, "Drift Management"). The library takes the
// peer's clock for one that began with the handshake and never drifts: without
// this the delay would grow where that clock is fast, and where it is slow there
// would soon be no time left for repair.
//
// The promptest packet of the last seconds counts, not the mean: the delay is then
// the latency and no more.
type peerClock struct {
	start  time.Time // of the library's own clock for this peer
	drift  *uint64   // in µs; what the library adds to the time of each packet
	unroll timeline.Unroller
	heard  int
	began  time.Time // of the window
	last   int64     // the least distance of the clocks in the window before, in µs
	least  int64     // and in this one
}

// newPeerClock returns the clock of a connection's peer, or nil where the library
// has no place for it.
func newPeerClock(c gosrt.Conn) *peerClock {
	v := reflect.Indirect(reflect.ValueOf(c))
	if inner := member(v, "conn"); inner.Kind() == reflect.Pointer {
		v = inner.Elem() // of a caller
	}
	start, drift := member(v, "start"), member(v, "tsbpdDrift")
	if !start.IsValid() || start.Type() != reflect.TypeFor[time.Time]() || drift.Kind() != reflect.Uint64 {
		return nil
	}
	return &peerClock{
		start:  *(*time.Time)(unsafe.Pointer(start.UnsafeAddr())), //nolint:gosec // it is one; see above
		drift:  (*uint64)(unsafe.Pointer(drift.UnsafeAddr())),     //nolint:gosec // the same
		unroll: timeline.Unroller{Bits: 32},
	}
}

// member is a field of a struct, or invalid.
func member(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// confirmTopic is what the library logs packets under that answer its
// acknowledgements: they leave a peer at once, so that their timestamps tell its
// time. It does so on the goroutine that uses the drift, and on no other.
const confirmTopic = "control:recv:ACKACK:dump"

// confirmed takes the library's words about such a packet.
func (c *peerClock) confirmed(now time.Time, message func() string) {
	if c.heard++; c.heard > eager && c.heard%sparing != 0 {
		return
	}
	_, said, _ := strings.Cut(message(), "(") // timestamp=0x… (…), destId=…
	said, _, _ = strings.Cut(said, ")")
	if at, err := strconv.ParseUint(said, 10, 32); err == nil {
		*c.drift = uint64(c.distance(now, uint32(at)))
	}
}

// distance is how far the library's clock is ahead of the peer's, in µs, by the
// promptest packet of late. One that came at now has the timestamp at.
func (c *peerClock) distance(now time.Time, at uint32) int64 {
	d := now.Sub(c.start).Microseconds() - c.unroll.Place(int64(at))
	switch {
	case c.began.IsZero():
		c.began, c.last, c.least = now, d, d
	case now.Sub(c.began) > clockWindow:
		c.began, c.last, c.least = now, c.least, d
	default:
		c.least = min(c.least, d)
	}
	return min(c.last, c.least)
}

// heldBack is how long what a peer sends is held back for repair.
func heldBack(c gosrt.Conn) time.Duration {
	var s gosrt.Statistics
	c.Stats(&s)
	return time.Duration(s.Instantaneous.MsRecvTsbPdDelay) * time.Millisecond
}
