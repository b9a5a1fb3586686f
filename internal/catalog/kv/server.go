package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// reopenAfter is how long a store that has failed is left alone.
const reopenAfter = time.Second

// errClosed is what a store says that has been closed.
var errClosed = errors.New("the store has been closed")

// Server is an open store. Close it.
//
// NATS gives a stream up for good when a write to the disk fails. Server then
// ends it and starts another one on the same files.
type Server struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	running *running // nil: it has failed, or has been closed
	closed  bool
	why     error     // why it failed
	again   time.Time // when it may be opened again
}

// Open starts a server on the files in dir, which it makes where they are
// missing. No other process may have dir open.
func Open(dir string, log *slog.Logger) (*Server, error) {
	r, err := run(dir, log)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Server{dir: dir, log: log, running: r}, nil
}

// Bucket opens one of the server's stores by its name, [a-z]+, and makes it
// where it is missing. Entries older than age are dropped; 0 keeps them.
func (s *Server) Bucket(ctx context.Context, name string, age time.Duration) (*Store, error) {
	b := &Store{server: s, name: name, age: age, writing: make(chan struct{}, 1)}
	if err := b.do(ctx, requestTimeout, func(context.Context, *bucket) error { return nil }); err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	return b, nil
}

// Empty hands f the entries of a bucket that is no longer wanted, in the order of
// their keys, and deletes it when f has no error. Where there is no such bucket it
// does nothing.
func (s *Server) Empty(ctx context.Context, name string, f func([]catalog.Entry) error) error {
	r, err := s.get()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err = r.js.KeyValue(within, name); errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open store %s: %w", name, err)
	}
	all, err := (&Store{server: s, name: name}).List(ctx)
	if err == nil {
		err = f(all)
	}
	if err == nil {
		err = r.js.DeleteKeyValue(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("empty store %s: %w", name, err)
	}
	return nil
}

// get returns the running server, which it starts anew where it has failed.
func (s *Server) get() (*running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.running != nil:
		return s.running, nil
	case time.Now().Before(s.again):
		return nil, s.why
	}
	r, err := run(s.dir, s.log)
	if err != nil {
		s.again, s.why = time.Now().Add(reopenAfter), fmt.Errorf("open store again: %w", err)
		return nil, s.why
	}
	s.log.Warn("store is open again")
	s.running = r
	return r, nil
}

// failed ends a server whose disk has failed.
func (s *Server) failed(r *running, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != r {
		return // somebody else has seen it
	}
	s.log.Error("store has failed", "err", why)
	r.close()
	s.running, s.why, s.again = nil, fmt.Errorf("store has failed: %w", why), time.Now().Add(reopenAfter)
}

// Close ends the server. What was acknowledged is on disk already.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.running != nil {
		s.running.close()
		s.running = nil
	}
}
