package main

import (
	"context"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"millrace/internal/build"
	"millrace/internal/config"
	"millrace/internal/node"
)

type serveCommand struct {
	File kong.ConfigFlag `name:"config" placeholder:"FILE" help:"YAML file with the same keys as these flags, which override it."`
	config.Config
}

// Run serves until SIGINT or SIGTERM, then stops gracefully; a second signal
// ends the process at once.
func (c *serveCommand) Run(s streams) error {
	cfg, err := c.Finish()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// From the first signal on, signals do what they do by default.
	context.AfterFunc(ctx, stop)
	return node.Run(ctx, build.Version(), cfg, s.out, logger(cfg, s.err))
}

func logger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level()}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
