package openapi

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"millrace/internal/catalog"
)

// processor is the processor time that this process has taken.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A signed request is let in: it is read, its signature and its nonce are looked
// at. The requests are made before.
func BenchmarkAuthenticate(b *testing.B) {
	for name, sign := range map[string]func(w *world, k catalog.AccessKey) *http.Request{
		"V1": func(w *world, k catalog.AccessKey) *http.Request {
			return w.v1(k, http.MethodGet, "DescribeLiveDomainDetail", "DomainName", "push.example.com")
		},
		"V3": func(w *world, k catalog.AccessKey) *http.Request {
			return w.v3(k, "DescribeLiveDomainDetail", "DomainName=push.example.com")
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := begin(b)
			k := w.key(b, catalog.Full, "")
			requests := make([]*http.Request, 4096)
			for i := range requests {
				requests[i] = sign(w, k)
			}
			i, rec, used := 0, httptest.NewRecorder(), processor()
			for b.Loop() {
				if i == len(requests) {
					i = 0
					clear(w.nonces.used)
					clear(w.nonces.shares)
					w.nonces.unsaved = w.nonces.unsaved[:0]
				}
				c, err := read(rec, requests[i])
				if err == nil {
					_, err = w.authenticate(c)
				}
				if err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64((processor()-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}
