package admit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/datadir"
	"millrace/internal/live"
	"millrace/internal/sign"
)

// span is how long BenchmarkControl makes changes, and as long none.
var span = flag.Duration("span", 3*time.Second, "how long BenchmarkControl makes changes")

// times are how long things took.
type times struct {
	mu   sync.Mutex
	all  []time.Duration
	last time.Time // when the last of them was over
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, t.last = append(t.all, d), time.Now()
}

// ms is a quantile in milliseconds.
func (t *times) ms(q float64) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return -1
	}
	slices.Sort(t.all)
	return float64(t.all[min(len(t.all)-1, int(q*float64(len(t.all))))].Microseconds()) / 1000
}

// often calls f 1,000 times a second until ctx ends.
func often(ctx context.Context, f func(n int)) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; {
		for due := int(time.Since(began) / time.Millisecond); n < due; n++ {
			f(n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A catalog of 10,000 domains on disk: how soon it is open, after an orderly end
// and after none; the latency of 1,000 signed requests a second, without and with
// 1,000 changes a second; that of these changes; and how long after its
// acknowledgement another reader of the store sees one.
func BenchmarkControl(b *testing.B) {
	path := filepath.Join(b.TempDir(), "data")
	log := slog.New(slog.DiscardHandler)
	openAt := func(path string) (*datadir.Catalog, time.Duration) {
		began := time.Now()
		dir, err := datadir.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		c, err := dir.Catalog(b.Context(), catalog.Options{Now: time.Now, Log: log, Quota: 20_000})
		if err != nil {
			b.Fatal(err)
		}
		return c, time.Since(began)
	}
	c, _ := openAt(path)
	began := time.Now()
	if err := c.Import(b.Context(), "bench", domains10k()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "import-ms")
	copied := path + "-killed"
	if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
		b.Fatal(err)
	}
	c.Close()
	killed, took := openAt(copied)
	killed.Close()
	b.ReportMetric(float64(took.Milliseconds()), "start-killed-ms")
	c, took = openAt(path)
	defer c.Close()
	b.ReportMetric(float64(took.Milliseconds()), "start-ms")
	if n := len(c.Snapshot().Domains()); n != 10_000 {
		b.Fatalf("%d domains", n)
	}

	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	store, err := c.Store.Bucket(ctx, "catalog", 0)
	if err != nil {
		b.Fatal(err)
	}
	other, err := catalog.Open(ctx, store, catalog.Options{Now: time.Now, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = other.Run(ctx) }()
	for range b.N {
		measure(b, c.Catalog, other)
	}
}

func measure(b *testing.B, c, other *catalog.Catalog) {
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	a := admit.New(c.Snapshot, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	q := catalog.Request{Protocol: catalog.WHEP, Host: "play77.test:8080", App: "live", Stream: "none", Path: "/live/none", RemoteAddr: "198.51.100.7:4711"}
	q.AuthKey = sign.Sign(q.Path, "primarykey", now, "", "")
	ask := func(ctx context.Context) *times {
		var took times
		often(ctx, func(int) {
			began := time.Now()
			if _, _, err := a.Play(context.Background(), q, ""); err == nil {
				b.Error("there is such a stream")
			}
			took.add(time.Since(began))
		})
		return &took
	}
	quiet, cancel := context.WithTimeout(b.Context(), *span)
	defer cancel()
	took := ask(quiet)
	b.ReportMetric(took.ms(0.5), "quiet-p50-ms")
	b.ReportMetric(took.ms(0.99), "quiet-p99-ms")

	changing, cancel := context.WithTimeout(b.Context(), *span)
	defer cancel()
	var changed, seen times
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	all.Go(func() {
		often(changing, func(n int) {
			if n%1000 == 77 {
				return // the domain that is asked for keeps its keys
			}
			all.Go(func() {
				began := time.Now()
				name := fmt.Sprintf("play%d.test", n%10_000)
				err := c.SetFunctions(context.Background(), "bench", []string{name}, []catalog.Function{catalog.Signed("primarykey", "", time.Duration(n%1000+60)*time.Second)})
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				changed.add(time.Since(began))
				if n%50 != 0 {
					return
				}
				began = time.Now()
				made := c.Snapshot().Domain(name).Revision
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for other.Snapshot().Domain(name).Revision < made && time.Since(began) < time.Minute {
					<-tick.C
				}
				seen.add(time.Since(began))
			})
		})
	})
	began := time.Now()
	took = ask(changing)
	all.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(errors.Join(*err))
	}
	b.ReportMetric(float64(len(changed.all))/changed.last.Sub(began).Seconds(), "changes/s") // until the last was acknowledged
	b.ReportMetric(took.ms(0.5), "changing-p50-ms")
	b.ReportMetric(took.ms(0.99), "changing-p99-ms")
	b.ReportMetric(changed.ms(0.5), "change-p50-ms")
	b.ReportMetric(changed.ms(0.99), "change-p99-ms")
	b.ReportMetric(seen.ms(1), "seen-max-ms")
}
