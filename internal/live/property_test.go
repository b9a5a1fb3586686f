package live

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// blob is what all payloads are cut from: huge frames cost nothing to make.
var blob = make([]byte, 20<<20)

// step is one thing that happens to a stream.
type step struct {
	Do     string
	Reader int           // which one reads or leaves
	N      int           // how many frames are read
	Wait   time.Duration // bubble time that passes
	Delta  time.Duration // decode time since the frame before
	Late   time.Duration // presentation - decode time
	Audio  bool
	Key    bool
	Bytes  int
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		Do: rapid.SampledFrom([]string{
			"write", "write", "gop", "gop", "gop", "gop", "read", "read", "read",
			"wait", "join", "packets", "leave", "close", "publish", "huge",
		}).Draw(t, "do"),
		Reader: rapid.IntRange(0, 5).Draw(t, "reader"),
		N:      rapid.SampledFrom([]int{1, 5, 30, 100, 400}).Draw(t, "n"),
		Wait:   rapid.SampledFrom([]time.Duration{time.Millisecond, 500 * time.Millisecond, 3200 * time.Millisecond, 9 * time.Second}).Draw(t, "wait"),
		Delta:  time.Duration(rapid.Int64Range(-50, 400).Draw(t, "delta")) * time.Millisecond,
		Late:   time.Duration(rapid.Int64Range(0, 3).Draw(t, "late")) * 40 * time.Millisecond,
		Audio:  rapid.Bool().Draw(t, "audio"),
		Key:    rapid.IntRange(0, 9).Draw(t, "key") == 0,
		Bytes:  rapid.IntRange(0, 5000).Draw(t, "bytes"),
	}
})

// Whatever happens to a stream, each reader sees a subsequence of what was
// written, in order, that can be decoded, and the logs stay within bounds.
func TestStreamProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SampledFrom([]int{80, 40, 20}).Draw(rt, "n") // left alone, scripts are short
		script := rapid.SliceOfN(steps, n, n).Draw(rt, "steps")
		var failure error
		synctest.Test(t, func(t *testing.T) {
			m := newModel()
			defer m.hub.Close()
			for i, s := range script {
				if err := errors.Join(m.apply(s), m.checkLogs()); err != nil {
					failure = fmt.Errorf("step %d (%s): %w", i, s.Do, err)
					return
				}
			}
			failure = m.finish()
		})
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

// model knows every frame that a stream accepted.
type model struct {
	hub       *Hub
	stream    *stream
	publisher *Publisher
	heard     time.Time // its last sign of life
	dts       time.Duration

	frames  []*media.Frame
	place   map[*media.Frame]int64
	changed [2]bool // the next frame of the kind is the first of a later publisher
	keyed   bool    // the publisher has sent a key frame

	readers []*modelReader
}

type modelReader struct {
	*Reader
	start, last int64 // positions: of its beginning, of the last frame read
	lastOf      [2]media.Time
	lastVideo   *media.Frame
	read        uint64
	slow        bool

	packets *Packets
	at      int64
	atKey   bool // there was a key frame to begin with
	seq     [2]int64
}

func newModel() *model {
	return &model{
		hub:   NewHub(Options{NewPacketizer: newSlicer, Linger: time.Hour}),
		place: map[*media.Frame]int64{},
	}
}

func (m *model) apply(s step) error {
	switch s.Do {
	case "wait":
		pass(s.Wait)
	case "publish":
		return m.publish()
	case "close":
		if m.publisher != nil {
			m.publisher.Close(reason.PeerGone)
			m.publisher = nil
		}
	case "write":
		return m.write(s)
	case "huge":
		s.Bytes = len(blob) - 5000 + s.Bytes
		for range s.Reader + 1 { // four of them fill a log and push the key frame out
			if err := m.write(s); err != nil {
				return err
			}
		}
	case "gop":
		for i := range 20 + s.N/4 {
			// One in three goes on with the group of pictures before.
			s.Audio, s.Key, s.Delta = i%3 == 2, i == 0 && s.Bytes%3 > 0, 30*time.Millisecond
			pass(s.Delta)
			if err := m.write(s); err != nil {
				return err
			}
		}
	case "join":
		return m.join()
	}
	if len(m.readers) == 0 {
		return nil
	}
	i := s.Reader % len(m.readers)
	r := m.readers[i]
	switch s.Do {
	case "leave":
		r.Close()
		r.Close()
		m.readers = append(m.readers[:i:i], m.readers[i+1:]...)
	case "read":
		return m.read(r, s.N)
	case "packets":
		return m.readPackets(r)
	}
	return nil
}

func (m *model) publish() error {
	old := m.publisher
	if old != nil && time.Since(m.heard) < silence {
		if _, err := m.hub.Publish(testName, "test", ""); err == nil {
			return errors.New("two publishers at once")
		} else if !errors.Is(err, ErrTaken) {
			return err
		}
		pass(silence)
	}
	p, err := m.hub.Publish(testName, "test", "")
	if err != nil {
		return err
	}
	if old != nil && !errors.Is(old.Err(), ErrReplaced) {
		return fmt.Errorf("replaced publisher's error is %v", old.Err())
	}
	p.Announce(testVideo, testAudio)
	m.publisher, m.stream, m.keyed = p, p.stream, false
	later := len(m.frames) > 0
	m.changed = [2]bool{later, later}
	m.heard = time.Now()
	return nil
}

func (m *model) write(s step) error {
	if m.publisher == nil {
		if err := m.publish(); err != nil {
			return err
		}
	}
	m.dts += s.Delta
	f := &media.Frame{
		Track: testVideo, DTS: media.Time(m.dts), PTS: media.Time(m.dts + s.Late), Key: s.Key, Data: blob[:s.Bytes],
	}
	if s.Audio {
		f.Track, f.PTS, f.Key = testAudio, f.DTS, true
	}
	if err := m.publisher.Write(f); err != nil {
		return err
	}
	m.heard = time.Now()
	kind := f.Track.Kind
	if kind == media.Video {
		m.keyed = m.keyed || f.Key
		if !m.keyed {
			return nil // dropped
		}
	}
	if f.PTS < f.DTS || f.Arrived != time.Now().UnixNano() || f.Capture > f.Arrived || f.Discontinuity != m.changed[kind] {
		return fmt.Errorf("written as %+v, discontinuity wanted: %v", *f, m.changed[kind])
	}
	m.changed[kind] = false
	m.place[f] = int64(len(m.frames))
	m.frames = append(m.frames, f)
	return nil
}

func (m *model) join() error {
	if m.stream == nil || len(m.readers) > 5 {
		return nil
	}
	r, err := m.hub.Subscribe(context.Background(), testName)
	if err != nil {
		return err
	}
	m.readers = append(m.readers, &modelReader{Reader: r, start: -1, last: -1})
	return nil
}

// read takes up to n frames and checks each of them.
func (m *model) read(r *modelReader, n int) error {
	if r.slow {
		return nil
	}
	if r.start < 0 && n > 0 {
		r.start = m.stream.frames.start()
		r.last = r.start - 1
	}
	for range n {
		f, err := poll(r.Reader)
		if errors.Is(err, ErrSlow) {
			r.slow = true
			return nil
		}
		if err != nil || f == nil {
			return err
		}
		if err := m.checkFrame(r, f); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) checkFrame(r *modelReader, f *media.Frame) error {
	at, written := m.place[f]
	kind := f.Track.Kind
	switch {
	case !written:
		return errors.New("read a frame that was never written")
	case at <= r.last:
		return fmt.Errorf("read frame %d after frame %d", at, r.last)
	case f.DTS < r.lastOf[kind]:
		return fmt.Errorf("%v runs back from %d to %d", kind, r.lastOf[kind], f.DTS)
	}
	if kind == media.Video {
		if !f.Key && (r.lastVideo == nil || m.videoBefore(at) != r.lastVideo) {
			return fmt.Errorf("frame %d cannot be decoded: the one before it was not read", at)
		}
		r.lastVideo = f
	}
	r.read++
	r.last, r.lastOf[kind] = at, f.DTS
	skipped := uint64(0)
	for _, n := range r.Skips() {
		skipped += n
	}
	if passed := uint64(at - r.start + 1); passed != r.read+skipped {
		return fmt.Errorf("%d frames passed, but %d read and %v skipped", passed, r.read, r.Skips())
	}
	return nil
}

// videoBefore is the video frame before position at.
func (m *model) videoBefore(at int64) *media.Frame {
	for at--; at >= 0; at-- {
		if m.frames[at].Track == testVideo {
			return m.frames[at]
		}
	}
	return nil
}

// readPackets reads all packets that are there and checks their numbers.
func (m *model) readPackets(r *modelReader) error {
	p := r.Packets()
	if err := checkIndex(p); err != nil {
		return err
	}
	if p != r.packets {
		r.packets = p
		r.jump()
	}
	for ; r.at < p.Head(); r.at++ {
		pk := p.At(r.at)
		if pk == nil {
			r.jump() // overrun
			r.at--
			continue
		}
		if before := r.seq[pk.Kind]; before >= 0 && pk.Seq != before+1 {
			return fmt.Errorf("%v packet %d follows %d", pk.Kind, pk.Seq, before)
		}
		if r.atKey && r.seq[pk.Kind] < 0 && pk.Kind == media.Video && !(pk.Key && pk.Start) {
			return fmt.Errorf("packets begin with video %d, which starts no key frame", pk.Seq)
		}
		r.seq[pk.Kind] = pk.Seq
	}
	return nil
}

// jump goes to where a reader of packets begins.
func (r *modelReader) jump() {
	r.atKey = r.packets.NewestKey() >= 0
	r.at, r.seq = r.packets.Start(), [2]int64{-1, -1}
}

// checkLogs compares both logs with what was written and with their bounds.
func (m *model) checkLogs() error {
	s := m.stream
	if s == nil {
		return nil
	}
	l := s.frames
	tail, head := l.tail.Load(), l.head.Load()
	if head != int64(len(m.frames)) {
		return fmt.Errorf("log holds up to %d of %d frames", head, len(m.frames))
	}
	bytes := 0
	for pos := tail; pos < head; pos++ {
		if l.at(pos) != m.frames[pos] {
			return fmt.Errorf("frame %d of [%d, %d) is lost", pos, tail, head)
		}
		bytes += len(m.frames[pos].Data) + entryBytes
	}
	if bytes != s.account.bytes || bytes > maxBytes {
		return fmt.Errorf("%d bytes held, %d counted, %d allowed", bytes, s.account.bytes, maxBytes)
	}
	if head == 0 {
		return nil
	}
	if err := m.checkTail(tail, head, bytes); err != nil {
		return err
	}
	if s.packets != nil {
		return checkPackets(s.packets)
	}
	return nil
}

// checkTail checks that the log dropped what it had to and nothing else.
func (m *model) checkTail(tail, head int64, bytes int) error {
	newest := m.frames[head-1].Arrived
	key := m.stream.frames.key.Load()
	for pos := head - 1; pos >= 0; pos-- {
		if f := m.frames[pos]; f.Key && f.Track == testVideo {
			if key != pos {
				return fmt.Errorf("newest key frame is %d, the log says %d", pos, key)
			}
			break
		}
	}
	age := func(pos int64) time.Duration { return time.Duration(newest - m.frames[pos].Arrived) }
	if tail < head && (age(tail) > maxAge || tail < key && age(tail) > keepAge) {
		return fmt.Errorf("frame %d is held at an age of %v; key frame at %d", tail, age(tail), key)
	}
	if tail == 0 {
		return nil
	}
	// The last frame dropped was too large, or too old at the latest now.
	gone := tail - 1
	if age(gone) <= keepAge && bytes+len(m.frames[gone].Data)+entryBytes <= maxBytes && bytes < maxBytes/2 {
		return fmt.Errorf("frame %d was dropped at an age of at most %v with %d bytes held", gone, age(gone), bytes)
	}
	return nil
}

func checkPackets(p *Packets) error {
	bytes := 0
	for pos := p.log.tail.Load(); pos < p.Head(); pos++ {
		pk := p.At(pos)
		if pk == nil {
			return fmt.Errorf("packet %d is lost", pos)
		}
		bytes += len(pk.Payload) + entryBytes
	}
	if bytes != p.account.bytes || bytes > maxBytes {
		return fmt.Errorf("%d packet bytes held, %d counted, %d allowed", bytes, p.account.bytes, maxBytes)
	}
	return nil
}

// checkIndex compares the index with the log: each packet that the log holds is
// found unless a newer one took its place, and no other.
func checkIndex(p *Packets) error {
	held := map[*media.Packet]bool{}
	newest := [2]int64{-1, -1}
	for pos := p.Head() - 1; pos >= p.log.tail.Load(); pos-- {
		pk := p.At(pos)
		held[pk] = true
		newest[pk.Kind] = max(newest[pk.Kind], pk.Seq)
		near := newest[pk.Kind]-pk.Seq < int64(len(p.index[pk.Kind]))
		if found := p.BySeq(pk.Kind, pk.Seq) == pk; found != near {
			return fmt.Errorf("%v packet %d, newest %d: found %v", pk.Kind, pk.Seq, newest[pk.Kind], found)
		}
	}
	for kind, index := range p.index {
		for i := range index {
			if pk := index[i].Load(); pk != nil && !held[pk] {
				return fmt.Errorf("%v packet %d is found though the log dropped it", media.Kind(kind), pk.Seq)
			}
		}
	}
	return nil
}

// finish reads everybody to the end and lets them go.
func (m *model) finish() error {
	var errs []error
	for _, r := range m.readers {
		errs = append(errs, m.read(r, len(m.frames)+1))
		if !r.slow && r.start >= 0 && r.pos != int64(len(m.frames)) {
			errs = append(errs, fmt.Errorf("read up to %d of %d", r.pos, len(m.frames)))
		}
		r.Close()
	}
	if s := m.stream; s != nil && (s.readers != 0 || s.packetReaders != 0 || s.packets != nil || s.asleep.Load() != 0) {
		errs = append(errs, fmt.Errorf("%d readers, %d of packets, %d asleep are left",
			s.readers, s.packetReaders, s.asleep.Load()))
	}
	return errors.Join(errs...)
}
