package kv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// Store is a catalog.Store in one bucket.
type Store struct {
	js     jetstream.JetStream
	bucket jetstream.KeyValue
}

// Get implements catalog.Store.
func (s *Store) Get(ctx context.Context, key string) (catalog.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	e, err := s.bucket.Get(ctx, encodeKey(key))
	if err != nil {
		return catalog.Entry{}, fmt.Errorf("read %s: %w", key, translate(err))
	}
	return catalog.Entry{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

// List implements catalog.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]catalog.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var all []catalog.Entry
	err := s.watch(ctx, encodeKey(prefix)+">", func(e catalog.Entry) error {
		switch {
		case e.Key == "":
			return errEnough
		case e.Value != nil:
			all = append(all, e)
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	slices.SortFunc(all, func(a, b catalog.Entry) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// Put implements catalog.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var err error
	name := encodeKey(key)
	switch {
	case value != nil && rev == 0:
		rev, err = s.bucket.Create(ctx, name, value)
	case value != nil:
		rev, err = s.bucket.Update(ctx, name, value, rev)
	case rev == 0:
		return 0, fmt.Errorf("delete %s: %w", key, catalog.ErrConflict)
	default:
		rev, err = s.remove(ctx, name, rev)
	}
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", key, translate(err))
	}
	return rev, nil
}

// remove writes a deletion, which disappears after some time. It does what the
// client's Delete does, which does not tell the revision.
func (s *Store) remove(ctx context.Context, name string, rev uint64) (uint64, error) {
	m := nats.NewMsg("$KV." + s.bucket.Bucket() + "." + name)
	m.Header.Set("KV-Operation", "PURGE")
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(rev), jetstream.WithMsgTTL(markerLife))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// Watch implements catalog.Store.
func (s *Store) Watch(ctx context.Context, f func(catalog.Entry) error) error {
	return s.watch(ctx, ">", f)
}

// errEnough ends a watch that has all that was there at first.
var errEnough = errors.New("enough")

// errClosed ends a watch whose server has been closed.
var errClosed = errors.New("the store has been closed")

func (s *Store) watch(ctx context.Context, pattern string, f func(catalog.Entry) error) error {
	w, err := s.bucket.Watch(ctx, pattern)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer func() { _ = w.Stop() }() // fails where the server has ended
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case u, open := <-w.Updates():
			if !open {
				return cmp.Or(context.Cause(ctx), errClosed)
			}
			e := catalog.Entry{}
			if u != nil {
				e = catalog.Entry{Key: decodeKey(u.Key()), Revision: u.Revision()}
				if u.Operation() == jetstream.KeyValuePut {
					e.Value = u.Value()
				}
			}
			if err := f(e); err != nil {
				return err
			}
		}
	}
}

// translate puts the client's errors into the words of a Store.
func translate(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return catalog.ErrNotFound
	case errors.Is(err, jetstream.ErrKeyExists),
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return catalog.ErrConflict
	}
	return err
}
