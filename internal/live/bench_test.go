package live

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"millrace/internal/media"
)

// benchFrames makes n frames of a 1080p stream, a tick apart: mostly pictures
// of 10 kB, a key frame every second. Their arrival times go on by the frame
// and not by the clock, so that the log trims as it does in production.
func benchFrames(n int) []media.Frame {
	payload := make([]byte, 10_000)
	start := time.Now().UnixNano()
	frames := make([]media.Frame, n)
	for i := range frames {
		at := time.Duration(i) * 20 * time.Millisecond
		frames[i] = media.Frame{
			Track: testVideo, DTS: media.Time(at), PTS: media.Time(at),
			Arrived: start + int64(at), Key: i%50 == 0, Data: payload,
		}
	}
	return frames
}

// sleepers starts readers that wait for the next frame all the time, and waits
// until they do.
func sleepers(b *testing.B, h *Hub, n int) (woken *atomic.Int64, stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	woken = new(atomic.Int64)
	var all sync.WaitGroup
	for range n {
		r, err := h.Subscribe(ctx, testName)
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			defer r.Close()
			for {
				if _, err := r.Next(ctx); err != nil {
					return
				}
				woken.Add(1)
			}
		})
	}
	return woken, func() { cancel(); all.Wait() }
}

// BenchmarkAppend writes a frame whenever all readers sleep. write-ns/op is what
// the publisher pays for it; ns/op goes on until all readers have the frame and
// sleep again.
func BenchmarkAppend(b *testing.B) {
	for _, readers := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			h := newTestHub(b, Options{})
			p := publish(b, h, testName)
			p.Announce(testVideo, nil)
			frames := benchFrames(b.N)
			woken, stop := sleepers(b, h, readers)
			defer stop()
			asleep := func(i int) bool {
				return woken.Load() == int64(i*readers) && p.stream.asleep.Load() == int64(readers)
			}
			for !asleep(0) {
				runtime.Gosched()
			}
			var spent time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for i := range frames {
				start := time.Now()
				if err := p.Write(&frames[i]); err != nil {
					b.Fatal(err)
				}
				spent += time.Since(start)
				for !asleep(i + 1) {
					runtime.Gosched()
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "write-ns/op")
		})
	}
}

// BenchmarkAppendPackets is the same with the packets log and its watchers; the
// packetizer cuts ten pieces and is part of it.
func BenchmarkAppendPackets(b *testing.B) {
	for _, watchers := range []int{0, 1, 4} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			h := newTestHub(b, Options{})
			p := publish(b, h, testName)
			p.Announce(testVideo, nil)
			frames := benchFrames(b.N)
			r, err := h.Subscribe(context.Background(), testName)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			pk := r.Packets()
			var all sync.WaitGroup
			for range watchers {
				c := make(chan struct{}, 1)
				pk.Watch(c)
				all.Go(func() {
					for range c {
					}
				})
				defer func() { pk.Unwatch(c); close(c) }()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range frames {
				if err := p.Write(&frames[i]); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
		})
	}
}

// BenchmarkNext is what a reader pays for a frame that is there.
func BenchmarkNext(b *testing.B) {
	h := newTestHub(b, Options{})
	p := publish(b, h, testName)
	p.Announce(testVideo, nil)
	const run = 150 // as many as the log keeps of these at least
	frames := benchFrames(run)
	for i := range frames {
		frames[i].Key = i == 0
		if err := p.Write(&frames[i]); err != nil {
			b.Fatal(err)
		}
	}
	r, err := h.Subscribe(context.Background(), testName)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%run == 0 {
			r.pos = 0
		}
		if _, err := r.Next(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPackets is what an egress worker pays to look at one packet.
func BenchmarkPackets(b *testing.B) {
	h := newTestHub(b, Options{})
	p := publish(b, h, testName)
	p.Announce(testVideo, nil)
	frames := benchFrames(50)
	for i := range frames {
		if err := p.Write(&frames[i]); err != nil {
			b.Fatal(err)
		}
	}
	r, err := h.Subscribe(context.Background(), testName)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	pk := r.Packets()
	head := pk.Head()
	b.Run("At", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if pk.At(int64(i)%head) == nil {
				b.Fatal("lost")
			}
		}
	})
	b.Run("BySeq", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if pk.BySeq(media.Video, int64(i)%head) == nil {
				b.Fatal("lost")
			}
		}
	})
}

// The hot path's allocations are part of its contract.
func TestHotPathAllocations(t *testing.T) {
	h := newTestHub(t, Options{})
	p := publish(t, h, testName)
	p.Announce(testVideo, nil)
	frames := benchFrames(2001)
	i := 0
	if got := testing.AllocsPerRun(1000, func() {
		if err := p.Write(&frames[i]); err != nil {
			t.Fatal(err)
		}
		i++
	}); got != 0 {
		t.Errorf("Write allocates %v times", got)
	}
	r := subscribe(t, h, testName)
	for ; i < len(frames); i++ {
		frames[i].Key, frames[i].Arrived = false, frames[1000].Arrived
		write(t, p, &frames[i])
	}
	ctx := t.Context()
	if got := testing.AllocsPerRun(500, func() {
		if _, err := r.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("Next allocates %v times", got)
	}
}

// The cost of a packet for its publisher, with and without frames made of it.
func BenchmarkWritePacket(b *testing.B) {
	for _, frames := range []bool{false, true} {
		b.Run(map[bool]string{false: "packets", true: "frames too"}[frames], func(b *testing.B) {
			h := newTestHub(b, Options{NewAssembler: newGluer})
			p := publishTracks(b, h, testName)
			payload := make([]byte, 1150)
			if frames {
				_, _ = poll(subscribe(b, h, testName))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				pk := &media.Packet{
					Seq: int64(i), Time: media.Time(i/8) * media.Time(time.Second) / 240, Kind: media.Video, Codec: media.H264,
					Payload: payload, Key: i%2400 < 8, Start: i%8 == 0, Marker: i%8 == 7,
				}
				if err := p.WritePacket(pk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
