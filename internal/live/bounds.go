package live

import "time"

// Bounds of a log's tail. Within them a log keeps everything since the newest
// key frame, and at least keepAge for retransmissions and slow readers.
const (
	keepAge = tooOld + time.Second // readers skip by age before the log overruns them
	// askedAge is the greatest age of a GOP where the publisher gives a key frame when asked: one
	// that sends none for minutes is normal there, and nobody starts that far back.
	askedAge = 6 * time.Second
	// entryBytes is what an entry takes besides its payload, so that a flood of
	// tiny or empty frames is bounded as well.
	entryBytes = 160
)

// Bounds unless Options say otherwise.
const (
	maxAge   = 20 * time.Second // of a GOP; a longer one loses its beginning
	maxBytes = 64 << 20
)

// account decides when the oldest entry of a log may go.
type account struct {
	bytes, most int
	age         time.Duration // greatest age of a GOP
	asked       bool          // the publisher gives key frames when asked
}

// account is that of an empty log of the hub.
func (o *Options) account() account { return account{most: o.TailBytes, age: o.TailAge} }

func (a *account) add(payload []byte)    { a.bytes += len(payload) + entryBytes }
func (a *account) remove(payload []byte) { a.bytes -= len(payload) + entryBytes }

// drops says whether an entry of the given arrival time (Unix ns), size and
// position relative to the newest key frame goes.
func (a *account) drops(now, arrived int64, beforeKey bool) bool {
	age, most := time.Duration(now-arrived), a.age
	if a.asked {
		most = min(most, askedAge)
	}
	return a.bytes > a.most || age > most || (beforeKey && age > keepAge)
}
