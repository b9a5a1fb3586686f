package transcode

import (
	"sync"

	"millrace/internal/media"
)

// ledger knows which of the frames that went into a decoder process a sample
// that comes out of it belongs to. The process puts out exactly as many samples
// as its input lasts, so that counting is enough.
type ledger struct {
	num, den int64 // one frame is num/den samples of 48 kHz long

	mu     sync.Mutex
	stamps []sound // of the frames first, first+1, …; without samples
	first  int64
	last   sound // the newest that was taken from stamps
	out    int64 // samples per channel that came out
}

func newLedger(samples, rate int) *ledger {
	return &ledger{num: int64(samples) * outputRate, den: int64(rate)}
}

// enter notes a frame that goes in, and returns its number, and how many frames
// are inside with it.
func (l *ledger) enter(f *media.Frame) (number int64, inside int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamps = append(l.stamps, sound{at: f.PTS, capture: f.Capture, arrived: f.Arrived, fresh: f.Discontinuity})
	return l.first + int64(len(l.stamps)) - 1, len(l.stamps)
}

// begin is the first sample of frame k.
func (l *ledger) begin(k int64) int64 { return k * l.num / l.den }

// take stamps the first of the samples that came out, at most to the end of
// their frame, and returns the others.
func (l *ledger) take(pcm []float32, channels int) (s sound, rest []float32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(len(pcm) / channels)
	for len(l.stamps) > 0 && l.out >= l.begin(l.first+1) {
		l.stamps = l.stamps[1:]
		l.first++
	}
	from := l.begin(l.first)
	if len(l.stamps) > 0 {
		l.last = l.stamps[0]
		l.stamps[0].fresh = false
		n = min(n, l.begin(l.first+1)-l.out)
	} else {
		// More than went in: stamped on from the last frame.
		from = l.begin(l.first - 1)
	}
	s = l.last
	l.last.fresh = false
	late := samplesLong(l.out-from, outputRate)
	s.at = s.at.Add(late)
	if s.capture != 0 {
		s.capture += int64(late)
	}
	s.pcm = pcm[:n*int64(channels)]
	l.out += n
	return s, pcm[n*int64(channels):]
}
