package feed

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// tape is a log, and a cursor with what it skipped.
type tape struct {
	*frameLog
	c       cursor
	skipped map[reason.Reason]uint64
	config  *config
	n       byte
}

func newTape() *tape {
	p := &tape{frameLog: newFrameLog(3 * time.Second), skipped: map[reason.Reason]uint64{}, config: &config{bytes: []byte("C")}}
	p.c = cursor{log: p.frameLog, patience: 10 * time.Second, onSkip: func(why reason.Reason, n uint64) { p.skipped[why] += n }}
	return p
}

// add appends a picture of one byte: its number.
func (p *tape) add(at time.Duration, key bool) {
	p.n++
	p.append(entry{
		pieces: net.Buffers{{}, {p.n}}, size: 1,
		at: media.Time(at), key: key, configs: [2]*config{p.config},
	}, true)
}

// take returns what the cursor takes at a time: numbers, and 'C' for a configuration.
func (p *tape) take(t *testing.T, at time.Duration) string {
	t.Helper()
	batch, err := p.c.take(nil, time.Unix(1000, 0).Add(at))
	if err != nil {
		t.Fatal(err)
	}
	return text(batch)
}

func text(batch net.Buffers) string {
	out := ""
	for _, b := range batch {
		for _, x := range b {
			if x != 'C' {
				x += '0'
			}
			out += string(rune(x))
		}
	}
	return out
}

func TestCursorBeginsAtTheNewestKey(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.add(1*time.Second, false)
	p.add(2*time.Second, true)
	p.add(2*time.Second, false)
	if got := text(p.c.begin(nil)); got != "C" {
		t.Errorf("begins with %q", got)
	}
	if got := p.take(t, 0); got != "34" {
		t.Errorf("took %q", got)
	}
	p.add(2*time.Second, false)
	if got := p.take(t, 0) + p.take(t, 0); got != "5" {
		t.Errorf("then %q", got)
	}
}

func TestCursorWaitsForTheFirstKey(t *testing.T) {
	p := newTape()
	p.add(0, false)
	p.c.begin(nil)
	p.add(0, false)
	p.add(0, true)
	if got := p.take(t, 0); got != "3" || p.skipped[reason.SkipKeyWait] != 2 {
		t.Errorf("took %q, skipped %v", got, p.skipped)
	}
}

func TestCursorTellsChangedConfiguration(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.config = &config{bytes: []byte("CC")}
	p.add(0, true)
	p.add(0, false)
	if got := p.take(t, 0); got != "1CC23" {
		t.Errorf("took %q", got)
	}
}

func TestCursorSkipsByAge(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.add(2*time.Second, true)
	p.add(3*time.Second, false) // not too old yet
	if got := p.take(t, 0); got != "123" {
		t.Errorf("took %q", got)
	}
	p.add(4*time.Second, false)
	p.add(5*time.Second, true)
	p.add(7*time.Second, false)
	p.add(7100*time.Millisecond, false)
	if got := p.take(t, 0); got != "567" || p.skipped[reason.SkipAge] != 1 {
		t.Errorf("took %q, skipped %v", got, p.skipped)
	}
}

func TestCursorKeepsOnWithoutNewerKey(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.add(9*time.Second, false) // one long GOP
	if got := p.take(t, 0); got != "12" || len(p.skipped) != 0 {
		t.Errorf("took %q, skipped %v", got, p.skipped)
	}
}

func TestCursorSkipsWhatIsGone(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.add(30*time.Second, true)
	p.add(30*time.Second, false)
	if got := p.take(t, 0); p.first != 1 || got != "23" || p.skipped[reason.SkipAge] != 1 {
		t.Errorf("took %q, skipped %v", got, p.skipped)
	}
}

func TestCursorOverrun(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.add(30*time.Second, false) // of a GOP that is longer than the log
	if got := p.take(t, 0); got != "" || p.skipped[reason.SkipOverrun] != 1 || p.skipped[reason.SkipKeyWait] != 1 {
		t.Errorf("took %q, skipped %v", got, p.skipped)
	}
	p.add(31*time.Second, true)
	if got := p.take(t, 0); got != "3" {
		t.Errorf("took %q", got)
	}
}

// TestCursorGivesUp plays a viewer that takes one batch per GOP of 4 s, and so
// is always too old.
func TestCursorGivesUp(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	for i := range 10 {
		now := time.Duration(i) * 4 * time.Second
		p.add(now+4*time.Second, true)
		p.add(now+8*time.Second, false)
		_, err := p.c.take(nil, time.Unix(1000, 0).Add(now))
		if late := now > 10*time.Second; late != errors.Is(err, live.ErrSlow) {
			t.Fatalf("after %s: %v", now, err)
		} else if late {
			return
		}
		p.c.pos-- // it never reaches the head
	}
	t.Error("the viewer was never given up")
}

func TestCursorForgivesWhoCatchesUp(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	for i := range 10 {
		now := time.Duration(i) * 20 * time.Second
		p.add(now+5*time.Second, true)
		p.add(now+10*time.Second, false)
		if got := p.take(t, now); got == "" {
			t.Fatal("took nothing")
		}
		if got := p.take(t, now); got != "" {
			t.Fatalf("behind the head is %q", got)
		}
	}
}

func TestLogStaysBounded(t *testing.T) {
	p := newTape()
	for i := range 10_000 { // no key frame after the first
		p.add(time.Duration(i)*10*time.Millisecond, i == 0)
	}
	if n := len(p.entries); n > 2001 || p.key >= p.first {
		t.Errorf("%d entries of 20 s are kept", n)
	}
	q := newTape()
	big := net.Buffers{make([]byte, 1<<20)}
	for range 200 {
		q.append(entry{pieces: big, size: 1 << 20, configs: [2]*config{q.config}}, true)
	}
	if q.bytes > maxLogBytes || len(q.entries) != 64 {
		t.Errorf("%d entries with %d bytes are kept", len(q.entries), q.bytes)
	}
}

func TestLogEnd(t *testing.T) {
	p := newTape()
	p.add(0, true)
	p.c.begin(nil)
	p.close(live.ErrEnded)
	if err := p.wait(t.Context(), p.c.pos, nil); err != nil {
		t.Error(err)
	}
	if got := p.take(t, 0); got != "1" {
		t.Errorf("took %q", got)
	}
	if _, err := p.c.take(nil, time.Time{}); err != live.ErrEnded {
		t.Errorf("at the end: %v", err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	p := newTape()
	for i := range 20 {
		p.append(entry{pieces: net.Buffers{make([]byte, 100_000)}, size: 100_000, key: i == 0, configs: [2]*config{p.config}}, true)
	}
	p.c.begin(nil)
	var sizes []int
	for {
		batch, err := p.c.take(nil, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		sizes = append(sizes, Length(batch))
	}
	if !slices.Equal(sizes, []int{600_000, 600_000, 600_000, 200_000}) {
		t.Errorf("batches of %v bytes", sizes)
	}
}
