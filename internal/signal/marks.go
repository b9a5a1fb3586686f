package signal

import "sync"

// maxMarks is how many sessions iceMarks remembers, of 200 bytes each.
const maxMarks = 4096

// iceMarks remembers what has changed about sessions since their URLs were
// made: the mark of the ICE credentials of the latest restart, or that the
// session was ended. It holds the latest maxMarks sessions, so that it need not
// be told of the ends of the others. What it forgets does little harm: a client
// whose mark is taken for an old one restarts once more.
type iceMarks struct {
	mu    sync.Mutex
	marks map[string]string // by session; "" is one that was ended
	order [maxMarks]string  // sessions in marks; next is the oldest
	next  int
}

func newICEMarks() *iceMarks { return &iceMarks{marks: map[string]string{}} }

// of returns the mark of t's session as it is now, "" for an ended one. The
// caller holds mu.
func (m *iceMarks) of(t ticket) string {
	if ice, changed := m.marks[t.session]; changed {
		return ice
	}
	return t.ice
}

// set changes the mark of a session. The caller holds mu.
func (m *iceMarks) set(session, ice string) {
	if _, known := m.marks[session]; !known {
		delete(m.marks, m.order[m.next])
		m.order[m.next] = session
		m.next = (m.next + 1) % maxMarks
	}
	m.marks[session] = ice
}

// end notes that a session was ended.
func (m *iceMarks) end(session string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(session, "")
}
