package client

import (
	"context"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// reportEvery is how often sender reports leave.
const reportEvery = time.Second

// jumped is how far written times may be from the wall clock before the two
// are put together anew.
const jumped = time.Second

// reportClock puts the times of access units onto the wall clock, once for all
// tracks: reports of both then say the same about being in step, whenever the
// units themselves were written.
type reportClock struct {
	mu   sync.Mutex
	set  bool
	wall time.Time  // of
	at   media.Time // this time
}

// anchor notes that a unit is sent now, and reports whether the clock was set.
func (c *reportClock) anchor(at media.Time, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set {
		if off := now.Sub(c.wall.Add(at.Sub(c.at))); off < jumped && off > -jumped {
			return false
		}
	}
	c.set, c.wall, c.at = true, now, at
	return true
}

// time is the time of access units that is now.
func (c *reportClock) time(now time.Time) (media.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(now.Sub(c.wall)), c.set
}

// report sends sender reports until ctx ends.
func (s *sending) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sendReports()
		case <-ctx.Done():
			return
		}
	}
}

// sendReports sends a report on each track.
func (s *sending) sendReports() {
	now := time.Now()
	at, ok := s.clock.time(now)
	if !ok {
		return
	}
	for _, t := range s.tracks() {
		t.mu.Lock()
		packets := []rtcp.Packet{
			&rtcp.SenderReport{
				SSRC: t.ssrc, NTPTime: ntp(now.UnixNano()), RTPTime: t.timestamp(at),
				PacketCount: t.packets, OctetCount: t.bytes,
			},
			rtcp.NewCNAMESourceDescription(t.ssrc, t.StreamID()),
		}
		t.mu.Unlock()
		_ = s.peer.pc.WriteRTCP(packets) // the next one is a second away
	}
}

// ntpEpoch is 1970 on NTP's scale (RFC 5905), in seconds.
const ntpEpoch = 2208988800

// ntp converts Unix nanoseconds to a 64-bit NTP timestamp.
func ntp(ns int64) uint64 {
	sec, rest := ns/1e9, ns%1e9
	return uint64(sec+ntpEpoch)<<32 | uint64(rest)<<32/1e9
}

// fromNTP is the inverse of ntp.
func fromNTP(t uint64) int64 {
	return (int64(t>>32)-ntpEpoch)*1e9 + int64((t&0xffffffff)*1e9>>32)
}
