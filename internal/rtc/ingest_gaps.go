package rtc

import "slices"

// gap is a packet that has not come.
type gap struct {
	seq          int64
	since, asked int64 // ns since the session began
	tries        int
}

// gaps are what is missing of a layer, by rising number.
type gaps []gap

// open notes that [from, to) is missing.
func (g *gaps) open(from, to, now int64) {
	for seq := from; seq < to; seq++ {
		*g = append(*g, gap{seq: seq, since: now})
	}
}

func (g gaps) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(g, seq, func(a gap, seq int64) int { return int(a.seq - seq) })
}

// close notes that seq came. answered says that it came because it had been asked
// for: not so soon that it must have been under way already.
func (g *gaps) close(seq, now, rtt int64) (answered bool) {
	i, ok := g.find(seq)
	if !ok {
		return false
	}
	a := &(*g)[i]
	answered = a.tries > 1 || a.tries == 1 && now-a.asked >= rtt/2
	*g = slices.Delete(*g, i, i+1)
	return answered
}

// due returns what is to be asked for now, and how many were given up.
func (g *gaps) due(now, rtt, life int64) (ask []uint16, lost int) {
	*g = slices.DeleteFunc(*g, func(a gap) bool {
		over := now-a.since > life || a.tries >= gapTries && now-a.asked > rtt
		if over {
			lost++
		}
		return over
	})
	for i := range *g {
		if a := &(*g)[i]; a.tries == 0 || now-a.asked >= rtt {
			a.tries++
			a.asked = now
			ask = append(ask, uint16(a.seq))
		}
	}
	return ask, lost
}

// keyWish is a request for a key frame that has not come.
type keyWish struct {
	wanted, asked int64 // ns since the session began
	active, once  bool  // once: asked has a value
	fir           uint8
}

// want makes the wish. It reports whether to ask now.
func (w *keyWish) want(now int64) bool {
	if !w.active {
		w.active, w.wanted = true, now
	}
	return w.due(now)
}

// due says whether to ask now.
func (w *keyWish) due(now int64) bool {
	if !w.active || now-w.wanted > int64(keyPatience) {
		w.active = false
		return false
	}
	return !w.once || now-w.asked >= int64(keyAgain)
}
