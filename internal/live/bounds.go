package live

import "time"

// Bounds of a log's tail. Within them a log keeps everything since the newest
// key frame, and at least keepAge for retransmissions and slow readers.
const (
	keepAge = tooOld + time.Second // readers skip by age before the log overruns them
	maxAge  = 20 * time.Second     // of a GOP; a longer one loses its beginning
	// askedAge is maxAge where the publisher gives a key frame when asked: one
	// that sends none for minutes is normal there, and nobody starts that far back.
	askedAge = 6 * time.Second
	maxBytes = 64 << 20
	// entryBytes is what an entry takes besides its payload, so that a flood of
	// tiny or empty frames is bounded as well.
	entryBytes = 160
)

// account decides when the oldest entry of a log may go.
type account struct {
	bytes int
	most  time.Duration // greatest age of a GOP; 0: maxAge
}

func (a *account) add(payload []byte)    { a.bytes += len(payload) + entryBytes }
func (a *account) remove(payload []byte) { a.bytes -= len(payload) + entryBytes }

// drops says whether an entry of the given arrival time (Unix ns), size and
// position relative to the newest key frame goes.
func (a *account) drops(now, arrived int64, beforeKey bool) bool {
	age, most := time.Duration(now-arrived), a.most
	if most == 0 {
		most = maxAge
	}
	return a.bytes > maxBytes || age > most || (beforeKey && age > keepAge)
}
