package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"millrace/internal/load"
)

type benchCommand struct {
	Viewers []int         `default:"1,200,400" help:"Steps of WebRTC viewers."`
	For     time.Duration `default:"10s" help:"How long each step is measured."`
	Joins   int           `default:"100" help:"Viewers that join per second."`
	WHEP    string        `help:"Load this WHEP resource instead of a server of our own, which gets one processor."`
	PID     int           `help:"With --whep: the server's process, whose cost is measured."`
}

// Run loads a server step by step and prints a table in Markdown.
func (c *benchCommand) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if floor, err := load.MeasureFloor(); err == nil {
		fmt.Fprintf(s.err, "floor: %.2f µs per packet on this machine, %.2f to encrypt and %.2f to send eight at a time\n",
			floor.Micros(), floor.Encrypt.Seconds()*1e6, floor.Send.Seconds()*1e6)
	} else {
		fmt.Fprintln(s.err, "floor:", err)
	}
	load.Header(s.out)
	for _, n := range c.Viewers {
		o := load.Options{WHEP: c.WHEP, Viewers: n, Joins: c.Joins, For: c.For, PID: c.PID}
		if c.WHEP != "" {
			r, err := load.Run(ctx, o)
			if err != nil {
				return err
			}
			r.Row(s.out)
			continue
		}
		program, err := os.Executable()
		if err != nil {
			return err
		}
		r, more, err := load.Own(ctx, program, o)
		if err != nil {
			return err
		}
		r.Row(s.out)
		fmt.Fprintln(s.err, more)
	}
	return nil
}
