package main

import (
	"context"
	"fmt"
	"time"

	"millrace/internal/load"
)

type benchChurn struct {
	benchTarget
	Rate    float64       `default:"20" help:"Joins per second."`
	Viewers int           `default:"500" help:"Who makes it more sends the oldest away."`
	For     time.Duration `default:"1m" help:"For how long."`
	Every   time.Duration `default:"10s" help:"How often a row is printed."`
	Vanish  float64       `default:"0.1" help:"Share of the viewers that leave without a word."`
	Bits    int           `default:"2500000" help:"Bits per second of the pictures that are published."`
	Verify  bool          `default:"true" negatable:"" help:"Open every packet, and compare the pictures with what was published."`
}

// Run lets viewers come and go, and looks at what stays behind.
func (c *benchChurn) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	stage, err := c.stage(1)
	if err != nil {
		return err
	}
	stage.Picture = load.FullHDAt(c.Bits)
	var r load.ChurnResult
	load.ChurnHeader(s.out)
	if err := stage.With(ctx, func(ctx context.Context, st *load.Stage) (err error) {
		r, err = load.Churn(ctx, load.ChurnOptions{
			URL: st.Play[0], Rate: c.Rate, Viewers: c.Viewers, For: c.For, Every: c.Every, Vanish: c.Vanish, Verify: c.Verify,
			PID: st.PID, Own: st.Own,
		}, func(row load.ChurnRow) { row.Row(s.out) })
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "all: %d joins, %d failed, %d wrong packets, first packet %s ms\n", r.All.Joins, r.All.Failed, r.All.Wrong, r.All.First)
	fmt.Fprintf(s.err, "before: %.1f MB, %d goroutines; after all have gone: %.1f MB, %d goroutines, %d left\n",
		float64(r.Before.RSS)/(1<<20), r.Before.Goroutines, float64(r.After.RSS)/(1<<20), r.After.Goroutines, r.Left())
	if r.All.FirstError != "" {
		fmt.Fprintln(s.err, "the first failure:", r.All.FirstError)
	}
	return c.write(r)
}
