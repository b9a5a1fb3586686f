package load

import (
	"sync/atomic"
	"time"
)

// seen is what one viewer has seen; any goroutine may read it. Times are Unix
// nanoseconds.
type seen struct {
	began          int64 // the request
	connected      int64 // ready for media
	firstPacket    atomic.Int64
	firstKey       atomic.Int64 // the first whole key frame
	packets, bytes atomic.Uint64
	lost, late     atomic.Uint64 // packets that are missing; those that came out of order
	repeats        atomic.Uint64 // packets of RTX, padding included
	dropped        atomic.Uint64 // by our own socket
	frames         atomic.Uint64 // whole, with their stamp
	wrong          atomic.Uint64 // what cannot be or is not what was published
	strays         atomic.Uint64 // packets of a session that had the same port before
	delays         *histogram    // of whole frames: stamp to the last packet's arrival
	readLate       *histogram    // arrival to its being read
	number         atomic.Uint32 // of the newest whole frame
	newestKey      atomic.Int64  // the stamp of the newest whole key frame
}

func newSeen() *seen {
	return &seen{began: time.Now().UnixNano(), delays: newHistogram(), readLate: newHistogram()}
}

// packet counts what came at a moment.
func (s *seen) packet(n int, at int64) {
	if s.packets.Add(1) == 1 {
		s.firstPacket.Store(at)
	}
	s.bytes.Add(uint64(n))
}

// frame counts a whole access unit of video.
func (s *seen) frame(st stamp, at int64) {
	s.frames.Add(1)
	s.number.Store(st.number)
	s.delays.add(at - st.at)
	if !st.key {
		return
	}
	s.newestKey.Store(st.at)
	if s.firstKey.Load() == 0 {
		s.firstKey.Store(at)
	}
}

// after is how long after the request a moment was; 0 for one that never came.
func (s *seen) after(moment int64) time.Duration {
	if moment == 0 {
		return 0
	}
	return time.Duration(max(1, moment-s.began))
}
