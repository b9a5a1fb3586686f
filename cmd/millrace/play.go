package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"millrace/client"
	"millrace/internal/carry"
)

type playCommand struct {
	URL      string        `arg:"" help:"What: artc://host/app/stream, or a WHEP URL as http://host/whep/app/stream."`
	Format   string        `placeholder:"FORMAT" enum:",flv,mpegts" default:"" help:"flv or mpegts. As the file's name ends, otherwise; and mpegts for Opus, which few players know in FLV."`
	Output   string        `short:"o" default:"-" placeholder:"FILE" help:"Write to a file and not to standard output."`
	Duration time.Duration `placeholder:"DURATION" help:"End after this time, as in 10s."`
	LATM     bool          `name:"latm" help:"Ask for AAC in LATM and not in ADTS."`
	connectFlags
}

// Run writes a stream to standard output or to a file.
func (c *playCommand) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a player that is closed ends this in order
	p := carry.Play{
		URL: c.URL, Format: c.Format, Path: c.Output, Out: s.out, For: c.Duration,
		Options: client.PlayOptions{LATM: c.LATM, Connection: c.connection()},
		Line:    &carry.Line{W: s.err, Live: c.Stats, Received: true},
	}
	return p.Run(ctx)
}
