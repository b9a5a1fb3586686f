package rtmp

import (
	"net"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// heavy is a picture of 100 kB, ten to a second and to a key frame.
func heavy(i int) *media.Frame {
	nal := pic
	if i%10 == 0 {
		nal = idr
	}
	f := picture(small, int64(i)*100, append(append([]byte{}, nal...), make([]byte, 100_000)...))
	f.Key = i%10 == 0
	return f
}

func writeHeavy(t *testing.T, pub *live.Publisher, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		must(t, pub.Write(heavy(i)))
	}
}

const manyHeavy = 300 // 30 s, 30 MB

// A player that reads too slowly goes on at a newer key frame.
func TestSlowPlayer(t *testing.T) {
	w := runFor(t, Config{WriteTimeout: time.Hour, Patience: time.Hour}, time.Minute)
	pub := w.publish([2]*media.Track{small, nil}, heavy(0))
	p := w.watch("live/s")
	must(t, p.net.Conn.(*net.TCPConn).SetReadBuffer(16<<10))
	writeHeavy(t, pub, 1, manyHeavy)
	at, last := manyHeavy, uint32(0)
	for leapt := false; !leapt; {
		writeHeavy(t, pub, at, at+10) // ten times what it reads
		at += 10
		m, err := p.message()
		must(t, err)
		if m.Type == rtmpchunk.TypeVideo && m.Body[1] != 0 {
			leapt = last != 0 && m.Timestamp > last+100
			if leapt && m.Body[0]>>4 != 1 {
				t.Errorf("goes on at %d ms with no key frame", m.Timestamp)
			}
			last = m.Timestamp
		}
	}
	if n := w.metric("millrace_rtmp_skipped_frames_total", reason.SkipAge) + w.metric("millrace_rtmp_skipped_frames_total", reason.SkipOverrun); n < 10 {
		t.Errorf("%v skipped frames are counted", n)
	}
}

// One that does not read any more is closed, and the stream goes on.
func TestPlayerThatDoesNotRead(t *testing.T) {
	w := runFor(t, Config{WriteTimeout: time.Second}, time.Minute)
	pub := w.publish([2]*media.Track{small, nil}, heavy(0))
	p := w.watch("live/s")
	must(t, p.net.Conn.(*net.TCPConn).SetReadBuffer(16<<10))
	writeHeavy(t, pub, 1, manyHeavy)
	w.ended(reason.Slow)
	writeHeavy(t, pub, manyHeavy, manyHeavy+1) // nobody else is the worse for it
}
