package client

import (
	"context"
	"fmt"
	"time"
)

// connection is one of a Publisher's or Player's.
type connection interface {
	// serve does the work until the transport or ctx ends, and leaves nothing
	// behind. The error says why.
	serve(ctx context.Context) error
}

// keeper makes connections, one after the other.
type keeper struct {
	policy  Reconnect
	count   *counters
	connect func(ctx context.Context) (connection, error)
	tries   int // attempts since a connection was last steady
}

// steady is how long a connection lasts that makes the attempts count anew. One
// that is cut sooner, as where two publishers push each other aside, is followed
// by ever longer pauses.
const steady = 10 * time.Second

// first makes the first connection.
func (k *keeper) first(ctx context.Context) (connection, error) {
	c, err := k.connect(ctx)
	if err != nil && k.policy.Initial && !permanent(err) {
		return k.again(ctx, err)
	}
	return c, err
}

// run serves c and those that follow it until ctx ends or no attempt is left.
// The error is never nil.
func (k *keeper) run(ctx context.Context, c connection) error {
	for {
		k.count.note(Connected, nil)
		began := time.Now()
		err := c.serve(ctx)
		if time.Since(began) >= steady {
			k.tries = 0
		}
		if ctx.Err() != nil {
			return ErrClosed
		}
		if c, err = k.again(ctx, err); ctx.Err() != nil && err != nil {
			return ErrClosed
		} else if err != nil {
			return err
		}
		k.count.reconnected()
	}
}

// again makes a connection after err.
func (k *keeper) again(ctx context.Context, err error) (connection, error) {
	for k.tries < k.policy.attempts() {
		k.count.note(Connecting, err)
		pause := time.NewTimer(k.policy.pause(k.tries))
		k.tries++
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		}
		var c connection
		if c, err = k.connect(ctx); err == nil {
			return c, nil
		}
		if permanent(err) || ctx.Err() != nil {
			return nil, err
		}
	}
	if n := k.policy.attempts(); n > 0 {
		return nil, fmt.Errorf("given up after %d attempts: %w", n, err)
	}
	return nil, err
}
