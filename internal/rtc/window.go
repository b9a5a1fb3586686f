package rtc

// windowSize is how far back a window remembers: more than a second of 30 Mbit/s.
const windowSize = 4096

// window remembers which of the last windowSize numbers of a sequence were
// taken. It tells extended sequence numbers from their low 16 bits.
type window struct {
	bits [windowSize / 64]uint64
	next int64 // the highest number taken, and one
	any  bool
}

// extend returns the number nearest to the highest taken one whose low 16 bits
// are low. Of a window that holds nothing it is low itself.
func (w *window) extend(low uint16) int64 {
	if !w.any {
		return int64(low)
	}
	highest := w.next - 1
	return highest + int64(int16(low-uint16(highest)))
}

func (w *window) bit(n int64) (word *uint64, mask uint64) {
	at := uint64(n) % windowSize
	return &w.bits[at/64], 1 << (at % 64)
}

// fresh says whether n was not taken and is not too old to tell.
func (w *window) fresh(n int64) bool {
	switch {
	case n < 0:
		return false
	case !w.any || n >= w.next:
		return true
	case n < w.next-windowSize:
		return false
	}
	word, mask := w.bit(n)
	return *word&mask == 0
}

// take notes n, which is fresh.
func (w *window) take(n int64) {
	if !w.any || n-w.next >= windowSize {
		clear(w.bits[:])
		w.any, w.next = true, n
	}
	for ; w.next <= n; w.next++ {
		word, mask := w.bit(w.next)
		*word &^= mask
	}
	word, mask := w.bit(n)
	*word |= mask
}
