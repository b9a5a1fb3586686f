package rtc

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"millrace/internal/live"
	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// narrow makes what the server sends pass at a rate, bit/s, which may be changed.
// Until it has passed it waits in a queue of some 50 packets.
func (r *relay) narrow(rate *atomic.Int64) {
	r.mu.Lock()
	for _, up := range r.ups {
		_ = up.SetReadBuffer(60_000)
	}
	r.mu.Unlock()
	free := time.Now()
	r.let(func(toServer bool, b []byte) bool {
		if toServer {
			return true
		}
		now := time.Now()
		if free.Before(now.Add(-5 * time.Millisecond)) {
			free = now.Add(-5 * time.Millisecond) // what a late timer has held up may follow at once
		}
		free = free.Add(time.Duration(len(b)+28) * 8 * time.Second / time.Duration(rate.Load()))
		if d := time.Until(free); d > 0 {
			<-time.After(d)
		}
		return true
	})
}

// layersOf publishes pictures in layers of the given rates, the best first, in
// real time, with key frames each gop pictures and when asked for.
func (r *room) layersOf(gop int, rates ...float64) (began time.Time) {
	p, err := r.hub.Publish(testName, "test", "")
	must(r.t, err)
	keys := make([]atomic.Bool, len(rates))
	if gop > 1000 { // or it cannot be asked
		p.OnKeyRequest(func() { keys[0].Store(true) })
		p.OnLayerRequest(func(layer uint8) { keys[layer].Store(true) })
	}
	cuts := make([]live.Packetizer, len(rates))
	var ladder []live.Rung
	for i, rate := range rates {
		cuts[i], ladder = wire.New(), append([]live.Rung{{Layer: uint8(i), Rate: rate}}, ladder...)
		keys[i].Store(true)
	}
	if len(rates) > 1 {
		p.SetLadder(ladder)
	}
	p.Announce(testVideo, testOpus)
	write := func(layer int, f *media.Frame) {
		for _, pk := range cuts[layer].Packetize(f) {
			pk.Layer = uint8(layer)
			_ = p.WritePacket(&pk)
		}
	}
	began = time.Now()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(soundEvery)
		defer tick.Stop()
		for n := 0; ; n++ {
			at := time.Since(began)
			write(0, sound(testOpus, at))
			for i := range rates {
				if n%2 != 0 || i > 0 && !p.Wants(uint8(i)) {
					continue
				}
				size, key := int(rates[i]/25/8), n/2%gop == 0
				if keys[i].Swap(false) || key {
					key, size = true, size*6
				}
				write(i, picture(at, key, size))
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	r.t.Cleanup(func() { close(stop); <-done })
	return began
}

// detailOf is what the server knows of a viewer.
func (r *room) detailOf(id string) (d Detail) {
	for {
		all, _ := r.server.Viewers(r.t.Context(), Which{ID: id}, 1)
		if len(all) == 1 {
			return all[0].Detail
		}
		if r.t.Context().Err() != nil {
			r.t.Fatalf("nothing is known of %s", id)
		}
	}
}

// shown is a picture that could be decoded.
type shown struct {
	at    time.Time
	delay time.Duration
}

// decodes takes a client's packets until a time, and returns the pictures that
// its decoder would show: it repairs nothing, and asks for a key frame instead.
func (c *client) decodes(began, until time.Time) (all []shown) {
	next, whole, key := -1, false, false
	var stamp time.Duration
	var asked time.Time
	limit := time.After(time.Until(until))
	for {
		var p received
		select {
		case p = <-c.media:
		case <-limit:
			return all
		}
		if p.kind != media.Video || p.rtx || len(p.Payload) < 12 {
			continue
		}
		if next >= 0 && int(p.SequenceNumber) != next {
			if int16(p.SequenceNumber-uint16(next)) < 0 {
				continue
			}
			whole = false
		}
		if !whole && time.Since(asked) > 300*time.Millisecond {
			asked = time.Now()
			c.send(&rtcp.PictureLossIndication{MediaSSRC: p.SSRC})
		}
		next = int(p.SequenceNumber + 1)
		b := p.Payload
		first, kind := -1, b[0]&31
		switch {
		case kind == 28 && b[1]&0x80 != 0:
			kind, first = b[1]&31, 2
		case kind == 1 || kind == 5:
			first = 1
		}
		if first >= 0 {
			stamp = time.Duration(binary.BigEndian.Uint64(b[first:]) &^ (1 << 63))
			if key = kind == 5; key {
				whole = true
			}
		}
		if p.Marker && whole {
			all = append(all, shown{p.at, p.at.Sub(began.Add(stamp))})
		}
	}
}

// BenchmarkNarrowLink is what a viewer sees whose link drops from 5 to 1 Mbit/s
// for 20 s, under a stream of 2.5 Mbit/s: the longest time without a new picture,
// and how long after the link has become wide again the last picture came late.
func BenchmarkNarrowLink(b *testing.B) {
	for _, tt := range []struct {
		name  string
		gop   int
		rates []float64
	}{
		{"layer", 1 << 20, []float64{2.5e6, 0.8e6}},
		{"asked", 1 << 20, []float64{2.5e6}},
		{"gop=2s", 50, []float64{2.5e6}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r := newRoom(b, Config{Shards: 1})
				rel := newRelay(b, r.server.Addr())
				began := r.layersOf(tt.gop, tt.rates...)
				sender, err := twcc.NewSenderInterceptor()
				must(b, err)
				reg := &interceptor.Registry{}
				reg.Add(sender)
				c := r.watch(wish{interceptors: reg, reply: rel.instead})
				c.next()
				var rate atomic.Int64
				rate.Store(5e6)
				rel.narrow(&rate)
				before := c.decodes(began, time.Now().Add(6*time.Second))
				rate.Store(1e6)
				narrow := c.decodes(began, time.Now().Add(20*time.Second))
				b.Logf("narrow: %+v", r.detailOf(c.id))
				rate.Store(5e6)
				wide := time.Now()
				after := c.decodes(began, wide.Add(8*time.Second))
				b.Logf("after: %+v", r.detailOf(c.id))
				before = before[len(before)/3:]
				usual, worst := median(before), time.Duration(0)
				for _, s := range before {
					worst = max(worst, s.delay)
				}
				frozen := longest(append(before[len(before)-1:], narrow...))
				back := time.Duration(0)
				for i, s := range after {
					if s.delay > worst+50*time.Millisecond || i > 0 && s.at.Sub(after[i-1].at) > 300*time.Millisecond {
						back = s.at.Sub(wide)
					}
				}
				b.ReportMetric(ms2(frozen), "ms-frozen")
				b.ReportMetric(ms2(longest(after)), "ms-frozen-after")
				b.ReportMetric(ms2(back), "ms-late-after")
				b.ReportMetric(ms2(usual), "ms-delay-before")
				b.ReportMetric(ms2(worst), "ms-worst-before")
				b.ReportMetric(ms2(median(narrow)), "ms-delay-narrow")
				b.ReportMetric(float64(len(narrow))/20, "pictures/s-narrow")
				b.ReportMetric(0, "ns/op")
				_ = c.pc.GracefulClose()
				r.stop()
				b.StartTimer()
			}
		})
	}
}

func ms2(d time.Duration) float64 { return float64(d.Milliseconds()) }

func median(all []shown) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b shown) int { return int(a.delay - b.delay) })
	return sorted[len(sorted)/2].delay
}

func longest(all []shown) (gap time.Duration) {
	for i := 1; i < len(all); i++ {
		gap = max(gap, all[i].at.Sub(all[i-1].at))
	}
	return gap
}
