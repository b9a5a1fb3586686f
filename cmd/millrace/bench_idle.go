package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"millrace/internal/load"
)

type benchIdle struct {
	JSON    string        `help:"Write the results into this file, too." type:"path"`
	From    string        `default:"rtmp" enum:"rtmp,whip,srt" help:"How they are published (${enum})."`
	Streams int           `default:"200" help:"How many are published."`
	Bits    int           `default:"900000" help:"Bits of video per second of each; sound comes on top."`
	For     time.Duration `default:"10s" help:"How long is measured, after a time in which the tails of the streams fill."`
}

// Run measures a server of our own whose streams nobody watches.
func (c *benchIdle) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	own, err := load.StartServer(ctx, program, c.Streams)
	if err != nil {
		return err
	}
	p := load.Picture{Rate: 30, Bits: c.Bits, GOP: 2 * time.Second, KeySize: c.Bits / 25}
	to := map[string][]string{"rtmp": own.RTMP, "whip": own.WHIP, "srt": own.SRT}
	r, err := load.Idle(ctx, load.IdleOptions{Publish: to[c.From], Picture: p, Start: 40, Fill: 10 * time.Second, For: c.For, PID: own.PID})
	if err = errors.Join(err, own.End()); err != nil {
		return err
	}
	r.Table(s.out)
	if c.JSON == "" {
		return nil
	}
	return load.WriteJSON(c.JSON, r)
}
