package rtc

// replays remembers which SRTCP packets were taken, so that nobody can repeat
// one (RFC 3711 section 3.3.2). Indexes count per source; a peer has one or
// two, a publisher with simulcast up to seven, and one that uses more than there is room for forgets its oldest.
type replays struct {
	windows [16]replayWindow
	n       int
}

// replayWindow covers the last 64 indexes of one source.
type replayWindow struct {
	ssrc uint32
	next uint32 // the highest index taken, and one
	seen uint64 // bit i stands for next-1-i
}

const replayWidth = 64

func (r *replays) find(ssrc uint32) *replayWindow {
	for i := range r.windows[:r.n] {
		if w := &r.windows[i]; w.ssrc == ssrc {
			return w
		}
	}
	return nil
}

// fresh says whether index may still be taken.
func (r *replays) fresh(ssrc, index uint32) bool {
	w := r.find(ssrc)
	if w == nil || index >= w.next {
		return true
	}
	back := w.next - 1 - index
	return back < replayWidth && w.seen>>back&1 == 0
}

// take notes an index that is fresh and whose packet was authentic.
func (r *replays) take(ssrc, index uint32) {
	w := r.find(ssrc)
	if w == nil {
		if r.n == len(r.windows) {
			copy(r.windows[:], r.windows[1:])
			r.n--
		}
		w = &r.windows[r.n]
		r.n++
		*w = replayWindow{ssrc: ssrc}
	}
	if index < w.next {
		w.seen |= 1 << (w.next - 1 - index)
		return
	}
	w.seen <<= min(index+1-w.next, replayWidth)
	w.seen |= 1
	w.next = index + 1
}
