package main

import "millrace/internal/load"

type benchPublish struct {
	URL string `arg:"" help:"Where to: rtmp://…, WHIP (http://…) or artc://…"`
}

// Run publishes 1080p30 of 2.5 Mbit/s until a signal or the server ends it.
func (c *benchPublish) Run(streams) error {
	ctx, stop := untilSignal()
	defer stop()
	return load.Publish(ctx, c.URL, load.Source{Picture: load.FullHD})
}
