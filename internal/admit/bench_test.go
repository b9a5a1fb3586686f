package admit_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/live"
	"millrace/internal/sign"
)

// many is a catalog of 10,000 domains in memory.
func many(b *testing.B) *catalog.Catalog {
	b.Helper()
	c, err := catalog.Open(context.Background(), mem.New(), catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Quota: 20_000})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Import(context.Background(), "bench", domains10k()); err != nil {
		b.Fatal(err)
	}
	return c
}

// domains10k are 10,000 streaming domains that want signed URLs.
func domains10k() (doc catalog.Document) {
	for i := range 10_000 {
		doc.Domains = append(doc.Domains, catalog.Domain{
			Name: fmt.Sprintf("play%d.test", i), Role: catalog.Streaming,
			Functions: []catalog.Function{
				catalog.RTS(catalog.SubSecond), catalog.Signed("primarykey", "secondarykey", time.Hour),
				{Name: catalog.FuncIPBlack, Args: map[string]string{"ip_list": "10.0.0.0/8,192.0.2.0/24,2001:db8::/32"}},
			},
		})
	}
	return doc
}

// processor is the processor time that this process has taken.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A signed request, from its arrival to the hub, which has no such stream.
// "changing" is the same while 1,000 changes a second are made.
func BenchmarkAdmit(b *testing.B) {
	c := many(b)
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	a := admit.New(c.Snapshot, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	q := catalog.Request{Protocol: catalog.WHEP, Host: "play77.test:8080", App: "live", Stream: "none", Path: "/live/none", RemoteAddr: "198.51.100.7:4711"}
	q.AuthKey = sign.Sign(q.Path, "primarykey", now, "", "")
	ask := func(b *testing.B) {
		b.ReportAllocs()
		var took []time.Duration
		used := processor()
		for b.Loop() {
			began := time.Now()
			if _, _, err := a.Play(context.Background(), q, ""); err == nil {
				b.Fatal("there is such a stream")
			}
			took = append(took, time.Since(began))
		}
		b.ReportMetric(float64((processor()-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "ns-p99")
	}
	b.Run("quiet", ask)
	b.Run("changing", func(b *testing.B) {
		ctx, cancel := context.WithCancel(context.Background())
		made := make(chan int)
		go func() {
			n := 0
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					n++
					_ = c.SetFunctions(ctx, "bench", []string{fmt.Sprintf("play%d.test", n%10_000)}, []catalog.Function{catalog.Signed("primarykey", "", time.Duration(n%60+60)*time.Second)})
				case <-ctx.Done():
					made <- n
					return
				}
			}
		}()
		ask(b)
		cancel()
		b.ReportMetric(float64(<-made)/b.Elapsed().Seconds(), "changes/s")
	})
}

// One change of a catalog of 10,000 domains, the store apart.
func BenchmarkChange(b *testing.B) {
	c := many(b)
	n := 0
	for b.Loop() {
		n++
		err := c.SetFunctions(context.Background(), "bench", []string{fmt.Sprintf("play%d.test", n%10_000)}, []catalog.Function{catalog.Signed("primarykey", "", time.Duration(n%60+60)*time.Second)})
		if err != nil {
			b.Fatal(err)
		}
	}
}
