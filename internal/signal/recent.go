package signal

import "sync"

// maxRecent is how many sessions a recent remembers, of 200 bytes each.
const maxRecent = 4096

// recent is a word about each of the latest maxRecent sessions that there was
// something to say about. It forgets the others, so that it need not be told of
// the ends of sessions.
type recent struct {
	mu    sync.Mutex
	words map[string]string // by session
	order [maxRecent]string // sessions in words; next is the oldest
	next  int
}

func newRecent() *recent { return &recent{words: map[string]string{}} }

// set says something new about a session. The caller holds mu.
func (r *recent) set(session, word string) {
	if _, known := r.words[session]; !known {
		delete(r.words, r.order[r.next])
		r.order[r.next] = session
		r.next = (r.next + 1) % maxRecent
	}
	r.words[session] = word
}

// note is set for a caller that does not hold mu.
func (r *recent) note(session, word string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(session, word)
}

// of returns what is known of a session.
func (r *recent) of(session string) (word string, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	word, known = r.words[session]
	return word, known
}
