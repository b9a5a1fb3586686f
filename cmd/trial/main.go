package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"millrace/internal/config"
	"millrace/internal/node"
)

func main() {
	cfg := config.Default()
	cfg.DataDir = os.Args[1]
	cfg.NoAuth = os.Getenv("NOAUTH") != ""
	cfg.Demo = true
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := node.Run(ctx, "trial", cfg, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}
