package rtmp

import (
	"net"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// A player that does not read for a while goes on at a newer key frame; one that
// does not read any more is closed, and the stream goes on.
func TestSlowPlayer(t *testing.T) {
	w := runFor(t, Config{WriteTimeout: 4 * time.Second}, time.Minute)
	heavy := func(i int) *media.Frame {
		nal := pic
		if i%10 == 0 {
			nal = idr
		}
		return picture(small, int64(i)*100, append(append([]byte{}, nal...), make([]byte, 100_000)...))
	}
	first := heavy(0)
	first.Key = true
	pub := w.publish([2]*media.Track{small, nil}, first)
	p := w.watch("live/s")
	must(t, p.net.Conn.(*net.TCPConn).SetReadBuffer(16<<10))
	write := func(from, to int) {
		for i := from; i < to; i++ {
			f := heavy(i)
			f.Key = i%10 == 0
			must(t, pub.Write(f))
		}
	}
	const many = 300 // 30 s, 30 MB
	write(1, many)
	at, last := many, uint32(0)
	for leapt := false; !leapt; {
		write(at, at+10) // ten times what it reads
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
	write(at, at+many)
	w.ended(reason.Slow)
	if n := w.metric("millrace_rtmp_skipped_frames_total", reason.SkipAge) + w.metric("millrace_rtmp_skipped_frames_total", reason.SkipOverrun); n < 10 {
		t.Errorf("%v skipped frames are counted", n)
	}
	write(at+many, at+many+1) // nobody else is the worse for it
}
