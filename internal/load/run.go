package load

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of a step of load.
type Options struct {
	WHEP    string        // the resource, with its signature
	Viewers int           // how many
	Joins   int           // per second
	For     time.Duration // how long to measure once all are there
	PID     int           // of the server, 0: its cost is not measured
	Settle  time.Duration // for a server to become calm, before and between; 0: 3 s

	idle int64 // resident memory of the server with one viewer, bytes
}

// Result of a step.
type Result struct {
	Viewers, Failed  int
	Packets, Lost    uint64  // while measuring
	PacketsPerSecond float64 // received by all viewers
	MbitPerSecond    float64
	CPU              float64 // share of one core
	MicrosPerPacket  float64
	KBPerViewer      float64
	Delay            [3]time.Duration // p50, p95, p99: capture clock to the viewer's socket
	Connect          [2]time.Duration // p50, p95: request to DTLS done
	First            [2]time.Duration // p50, p95: request to first media packet
	FirstError       string
}

// certificate makes the one that all viewers share.
func certificate() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make certificate: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, strings.Join(pairs, ":"), nil
}

// Run puts one step of load on a server and measures it. It blocks until all
// viewers are gone.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Settle == 0 {
		o.Settle = settle
	}
	cert, fingerprint, err := certificate()
	if err != nil {
		return Result{}, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	receivers := &pool{}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { receivers.run(watching) })
	var mu sync.Mutex
	var viewers []*Viewer
	res := Result{}
	every := time.NewTicker(time.Second / time.Duration(max(o.Joins, 1)))
	defer every.Stop()
	var joins sync.WaitGroup
	for i := range o.Viewers {
		select {
		case <-every.C:
		case <-ctx.Done():
			return res, context.Cause(ctx)
		}
		joins.Go(func() {
			v, err := Dial(watching, o.WHEP, cert, fingerprint)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if res.Failed++; res.FirstError == "" {
					res.FirstError = err.Error()
				}
				return
			}
			if err := receivers.add(v); err != nil {
				_ = v.conn.Close() // twice is harmless
				res.Failed, res.FirstError = res.Failed+1, err.Error()
				return
			}
			viewers = append(viewers, v)
		})
		// What the first viewer costs is the stream's cost: its log, its conversion.
		if i == 0 {
			joins.Wait()
			if err := o.learnIdle(ctx); err != nil {
				return res, err
			}
		}
	}
	joins.Wait()
	res.Viewers = len(viewers)
	if err := res.measure(ctx, o, viewers); err != nil {
		return res, err
	}
	return res, nil
}

// learnIdle waits until the server is calm and reads its memory.
func (o *Options) learnIdle(ctx context.Context) error {
	if err := pause(ctx, o.Settle); err != nil || o.PID == 0 {
		return err
	}
	var err error
	o.idle, err = (process{o.PID}).rss()
	return err
}

// pause waits for d, or says why it did not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// measure watches the viewers for the time that o says.
func (r *Result) measure(ctx context.Context, o Options, viewers []*Viewer) error {
	if err := pause(ctx, o.Settle); err != nil { // joins are paid for, clocks are known
		return err
	}
	packets, bytes, lost := sums(viewers)
	for _, v := range viewers {
		v.delays.reset()
	}
	server := process{o.PID}
	var cpu time.Duration
	var err error
	if o.PID != 0 {
		if cpu, err = server.cpu(); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := pause(ctx, o.For); err != nil {
		return err
	}
	took := time.Since(began)
	p, b, l := sums(viewers)
	r.Packets, r.Lost = p-packets, l-lost
	r.PacketsPerSecond = float64(r.Packets) / took.Seconds()
	r.MbitPerSecond = float64(b-bytes) * 8 / 1e6 / took.Seconds()
	if o.PID != 0 {
		after, err := server.cpu()
		if err != nil {
			return err
		}
		rss, err := server.rss()
		if err != nil {
			return err
		}
		r.CPU = float64(after-cpu) / float64(took)
		if r.Packets > 0 {
			r.MicrosPerPacket = float64((after - cpu).Microseconds()) / float64(r.Packets)
		}
		if n := len(viewers) - 1; n > 0 {
			r.KBPerViewer = float64(rss-o.idle) / 1024 / float64(n)
		}
	}
	r.times(viewers)
	return nil
}

func sums(viewers []*Viewer) (packets, bytes, lost uint64) {
	for _, v := range viewers {
		packets += v.packets.Load()
		bytes += v.bytes.Load()
		lost += v.lost.Load()
	}
	return packets, bytes, lost
}

func (r *Result) times(viewers []*Viewer) {
	all := newHistogram()
	var connect, first []time.Duration
	for _, v := range viewers {
		all.merge(v.delays)
		connect = append(connect, v.connected)
		if f := v.firstPacket.Load(); f > 0 {
			first = append(first, time.Duration(f))
		}
	}
	for i, q := range []float64{.5, .95, .99} {
		r.Delay[i] = all.quantile(q)
	}
	r.Connect = halfAndMost(connect)
	r.First = halfAndMost(first)
}

// halfAndMost returns the median and the 95th percentile.
func halfAndMost(d []time.Duration) [2]time.Duration {
	if len(d) == 0 {
		return [2]time.Duration{}
	}
	slices.Sort(d)
	return [2]time.Duration{d[len(d)/2], d[len(d)*95/100]}
}

func (h *histogram) reset() {
	for i := range h.buckets {
		h.buckets[i].Store(0)
	}
}
