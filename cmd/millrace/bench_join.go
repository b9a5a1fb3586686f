package main

import (
	"context"
	"fmt"
	"time"

	"millrace/internal/load"
)

type benchJoin struct {
	benchTarget
	Joins  int           `default:"20" help:"Viewers that come, one after the other."`
	Every  time.Duration `default:"1300ms" help:"From one join to the next on average, at random: they fall anywhere between two key frames."`
	Switch bool          `help:"Each viewer switches between two streams, instead of coming anew."`
}

// Run times single viewers from their request to the first whole key frame.
func (c *benchJoin) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	n := 1
	if c.Switch {
		n = 2
	}
	stage, err := c.stage(n)
	if err != nil {
		return err
	}
	var r load.JoinResult
	if err := stage.With(ctx, func(ctx context.Context, st *load.Stage) (err error) {
		r, err = load.Join(ctx, load.JoinOptions{URLs: st.Play[:n], Joins: c.Joins, Every: c.Every, PID: st.PID})
		return err
	}); err != nil {
		return err
	}
	load.JoinHeader(s.out)
	r.Row(s.out)
	if r.Failed > 0 {
		fmt.Fprintf(s.err, "%d joins failed, the first one: %s\n", r.Failed, r.FirstError)
	}
	return c.write(r)
}
