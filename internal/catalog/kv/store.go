package kv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// Store is a catalog.Store in one bucket.
type Store struct {
	server  *Server
	name    string
	age     time.Duration
	writing chan struct{} // holds one token: whoever writes takes it
}

// do has f use the bucket for so long at most. A server that then fails is ended.
func (s *Store) do(ctx context.Context, limit time.Duration, f func(context.Context, *bucket) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r, err := s.server.get()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	within, end := r.whileHealthy(within)
	defer end()
	b, err := r.bucket(within, s.name, s.age)
	if err == nil {
		err = f(within, b)
	}
	if err = translate(err); err == nil || harmless(err) {
		return err
	}
	if sick := r.health(); sick != nil {
		err = sick
	} else if ctx.Err() != nil {
		return err // it was the caller's time that was over
	}
	s.server.failed(r, err)
	return err
}

// harmless says whether an error tells about what was asked for, not about the
// server.
func harmless(err error) bool {
	return errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrNotFound) || errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, errEnough)
}

// Get implements catalog.Store.
func (s *Store) Get(ctx context.Context, key string) (e catalog.Entry, err error) {
	err = s.do(ctx, requestTimeout, func(ctx context.Context, b *bucket) error {
		found, err := b.kv.Get(ctx, encodeKey(key))
		if err != nil {
			return err
		}
		e = catalog.Entry{Key: key, Value: found.Value(), Revision: found.Revision()}
		return nil
	})
	if err != nil {
		return e, fmt.Errorf("read %s: %w", key, err)
	}
	return e, nil
}

// errEnough ends a watch that has all that was there at first.
var errEnough = errors.New("enough")

// List implements catalog.Store.
func (s *Store) List(ctx context.Context, prefixes ...string) ([]catalog.Entry, error) {
	var all []catalog.Entry
	err := s.do(ctx, startTimeout, func(ctx context.Context, b *bucket) error {
		all = nil
		return b.watch(ctx, prefixes, func(e catalog.Entry) error {
			switch {
			case e.Key == "":
				return errEnough
			case e.Value != nil:
				all = append(all, e)
			}
			return nil
		})
	})
	if !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("list %v: %w", prefixes, err)
	}
	slices.SortFunc(all, func(a, b catalog.Entry) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// translate puts the client's errors into the words of a Store.
func translate(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return catalog.ErrNotFound
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == wrongLastSequence):
		return catalog.ErrConflict
	case errors.As(err, &api) && api.ErrorCode == insufficientResources:
		return fmt.Errorf("there is no room on the disk: %w", err)
	}
	return err
}

// insufficientResources is what NATS says where there is less room than it wants.
const insufficientResources = 10023

// wrongLastSequence is what NATS says where another write of the entry is just
// being made.
const wrongLastSequence = 10164
