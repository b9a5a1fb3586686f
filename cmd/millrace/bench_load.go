package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace/internal/load"
)

type benchLoad struct {
	benchTarget
	Viewers   []int         `default:"1,200,400" help:"Steps of viewers."`
	For       time.Duration `default:"10s" help:"How long each step is measured."`
	Joins     int           `default:"100" help:"Viewers that join per second."`
	Feedback  string        `default:"none" enum:"none,twcc" help:"What WebRTC viewers tell besides receiver reports (${enum}: transport-wide congestion control as browsers do)."`
	WholeRuns bool          `help:"Viewers of WebRTC take the runs of a segmented send whole and cut them themselves (UDP_GRO): the server then pays for no cutting, as with a network card that does it. Linux."`
	Verify    bool          `help:"Open every packet of WebRTC viewers, and compare the pictures with what was published."`
	Apart     bool          `help:"Have processor 1 do the receiving half of loopback (receive packet steering), as another machine would over a network card. Linux and root; put back at the end."`
}

// loadReport is what --json writes.
type loadReport struct {
	Floor   load.Floor    `json:"floor"`
	Results []load.Result `json:"results"`
}

// Run loads a server step by step and prints a table in Markdown.
func (c *benchLoad) Run(s streams) (err error) {
	ctx, stop := untilSignal()
	defer stop()
	if c.Apart {
		restore, aerr := load.ReceiveApart(1)
		if aerr != nil {
			return aerr
		}
		defer func() { err = errors.Join(err, restore()) }()
	}
	var report loadReport
	if report.Floor, err = load.MeasureFloor(); err != nil {
		fmt.Fprintln(s.err, "floor:", err)
	} else {
		fmt.Fprintln(s.err, report.Floor)
	}
	stage, err := c.stage(1)
	if err != nil {
		return err
	}
	load.Header(s.out)
	for _, n := range c.Viewers {
		var r load.Result
		err := stage.With(ctx, func(ctx context.Context, st *load.Stage) (err error) {
			o := load.Options{URL: st.Play[0], Viewers: n, Joins: c.Joins, For: c.For, PID: st.PID, Feedback: feedbackOf(c.Feedback), WholeRuns: c.WholeRuns, Verify: c.Verify}
			if r, err = load.Run(ctx, o); err == nil {
				err = st.Tell(ctx, s.err, n)
			}
			return err
		})
		if err != nil {
			return err
		}
		r.Row(s.out)
		if t := r.Trouble(); t != "" {
			fmt.Fprintln(s.err, t)
		}
		report.Results = append(report.Results, r)
	}
	return c.write(report)
}
