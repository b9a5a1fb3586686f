package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shortLived is a connection that is cut after a while.
type shortLived time.Duration

var errCut = errors.New("the other side ended it")

func (d shortLived) serve(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(d)):
		return errCut
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Connections that are cut soon are made again after longer and longer pauses,
// and not for ever; each one that lasts lets the counting begin anew.
func TestKeeperGivesUpWhatIsCutAgainAndAgain(t *testing.T) {
	for _, c := range []struct {
		lasts time.Duration
		made  int // within a minute
		ends  bool
	}{
		{lasts: time.Second, made: 4, ends: true},
		{lasts: 2 * steady, made: 3, ends: false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			made := 0
			k := &keeper{
				policy: Reconnect{Attempts: 4}, count: &counters{},
				connect: func(context.Context) (connection, error) {
					made++
					return shortLived(c.lasts), nil
				},
			}
			err := k.run(ctx, shortLived(c.lasts))
			gave := errors.Is(err, errCut) && strings.Contains(err.Error(), "given up")
			if gave != c.ends || made < c.made-1 || made > c.made {
				t.Errorf("connections of %v: %d more were made, then %v", c.lasts, made, err)
			}
		})
	}
}
