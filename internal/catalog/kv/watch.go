package kv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// Watch implements catalog.Store. It goes on where the server has been started
// anew.
func (s *Store) Watch(ctx context.Context, f func(catalog.Entry) error, prefixes ...string) error {
	var last uint64
	var begun bool
	var enough error // f's
	seen := func(e catalog.Entry) error {
		if e.Key == "" && begun || e.Key != "" && e.Revision <= last {
			return nil
		}
		begun = begun || e.Key == ""
		last = max(last, e.Revision)
		enough = f(e)
		return enough
	}
	for {
		r, err := s.server.get()
		if err == nil {
			var b *bucket
			if b, err = r.bucket(ctx, s.name, s.age); err == nil {
				err = b.watch(ctx, prefixes, seen)
			}
		}
		switch {
		case enough != nil:
			return enough
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errClosed):
			return err
		}
		wait := time.NewTimer(reopenAfter)
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

// errEnded ends a watch whose server has ended.
var errEnded = errors.New("the server has ended")

func (b *bucket) watch(ctx context.Context, prefixes []string, f func(catalog.Entry) error) error {
	patterns := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		patterns = append(patterns, encodeKey(p)+">")
	}
	w, err := b.kv.WatchFiltered(ctx, patterns)
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
				return cmp.Or(context.Cause(ctx), errEnded)
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
