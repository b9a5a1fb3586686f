package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// startTimeout bounds the recovery of a large store on a slow disk.
	startTimeout = time.Minute
	// requestTimeout bounds one read or write, the sync to disk included.
	requestTimeout = 10 * time.Second
	// markerLife is how long a deletion is kept for those who watch.
	markerLife = time.Hour
	// maxValue is the most bytes of one entry, with what NATS keeps beside it.
	maxValue = 4 << 20
	// maxBatch is how many writes can be made at once.
	maxBatch = 100_000
)

// running is a NATS server that runs, and a connection to it.
type running struct {
	nats *server.Server
	conn *nats.Conn
	js   jetstream.JetStream

	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket is one of its stores.
type bucket struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	stream jetstream.Stream // what kv is kept in
}

func run(dir string, log *slog.Logger) (*running, error) {
	n, err := server.NewServer(&server.Options{
		ServerName: "millrace", DontListen: true, NoSigs: true, MaxPayload: maxValue,
		JetStream: true, StoreDir: dir, SyncAlways: true, DisableJetStreamBanner: true,
		JetStreamLimits: server.JSLimitOpts{MaxBatchSize: maxBatch},
	})
	if err != nil {
		return nil, err
	}
	n.SetLoggerV2(logger{log}, false, false, false)
	n.Start()
	if !n.ReadyForConnections(startTimeout) {
		n.Shutdown()
		n.WaitForShutdown()
		return nil, errors.New("it does not get ready")
	}
	r := &running{nats: n, buckets: map[string]*bucket{}}
	if r.conn, err = nats.Connect("", nats.InProcessServer(n), nats.NoReconnect()); err == nil {
		r.js, err = jetstream.New(r.conn, jetstream.WithDefaultTimeout(requestTimeout))
	}
	if err == nil && n.JetStreamConfig() == nil {
		err = errors.New("JetStream is off")
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *running) close() {
	if r.conn != nil {
		r.conn.Close()
	}
	r.nats.Shutdown()
	r.nats.WaitForShutdown()
}

// health says what ails the server. NATS does not answer a write that its disk has
// not taken, and takes no further one.
func (r *running) health() error {
	for _, e := range r.nats.Healthz(&server.HealthzOptions{Details: true}).Errors {
		// A stream in the making counts as one that cannot be recovered.
		if e.Type == server.HealthzErrorJetStream || strings.Contains(e.Error, "write error") {
			return errors.New(e.Error)
		}
	}
	return nil
}

// askAfter is how long an answer takes before the server's health is asked for.
const askAfter = 250 * time.Millisecond

// whileHealthy returns a context that ends with ctx, by end, and soon after the
// server has fallen ill.
func (r *running) whileHealthy(ctx context.Context) (within context.Context, end func()) {
	within, cancel := context.WithCancelCause(ctx)
	var again func()
	again = func() {
		if within.Err() != nil {
			return
		}
		if err := r.health(); err != nil {
			cancel(err)
			return
		}
		time.AfterFunc(askAfter, again)
	}
	first := time.AfterFunc(askAfter, again)
	return within, func() { first.Stop(); cancel(nil) }
}

// bucket opens a bucket, once, and makes it where it is missing.
func (r *running) bucket(ctx context.Context, name string, age time.Duration) (*bucket, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.buckets[name]; b != nil {
		return b, nil
	}
	stream, err := r.js.Stream(ctx, "KV_"+name)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, err
	}
	if err != nil || !stream.CachedInfo().Config.AllowAtomicPublish || stream.CachedInfo().Config.MaxAge != age {
		if stream, err = r.js.CreateOrUpdateStream(ctx, bucketConfig(name, age)); err != nil {
			return nil, err
		}
	}
	b := &bucket{conn: r.conn, js: r.js, stream: stream}
	if b.kv, err = r.js.KeyValue(ctx, name); err != nil {
		return nil, err
	}
	r.buckets[name] = b
	return b, nil
}

// bucketConfig is that of the stream behind a bucket: what the client would make,
// with batches, of which the client's buckets know nothing.
func bucketConfig(name string, age time.Duration) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, Storage: jetstream.FileStorage, Replicas: 1,
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1, MaxAge: age, Discard: jetstream.DiscardNew,
		AllowDirect: true, AllowRollup: true, DenyDelete: true, AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerLife, AllowAtomicPublish: true,
	}
}

// logger is where the server's warnings go.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(string, ...any) {}
func (l logger) Debugf(string, ...any)  {}
func (l logger) Tracef(string, ...any)  {}
func (l logger) Warnf(format string, args ...any) {
	l.log.Warn("store: " + fmt.Sprintf(format, args...))
}
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}
func (l logger) Fatalf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}
