package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
)

type catalogCommand struct {
	Export exportCommand `cmd:"" help:"Write the whole catalog as YAML, secrets included."`
	Import importCommand `cmd:"" help:"Make the catalog what a YAML file says, all or nothing of it."`
}

type exportCommand struct {
	DataDir string `name:"data-dir" default:"./data" help:"As given to serve, which may run or not."`
	Output  string `short:"o" default:"-" placeholder:"FILE" help:"Write to a file that nobody else can read."`
}

// Run prints the catalog.
func (c *exportCommand) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	doc, err := datadir.Export(ctx, c.DataDir, warnings(s))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no catalog in %s: start `millrace serve` with this data directory once", c.DataDir)
	}
	if err != nil {
		return err
	}
	b, err := doc.YAML()
	if err != nil {
		return err
	}
	if c.Output == "-" {
		_, err = s.out.Write(b)
		return err
	}
	return os.WriteFile(c.Output, b, 0o600)
}

type importCommand struct {
	File    string `arg:"" default:"-" help:"What export has written. Standard input by default."`
	DataDir string `name:"data-dir" default:"./data" help:"As given to serve, which may run or not."`
}

// Run replaces the catalog.
func (c *importCommand) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var src []byte
	var err error
	if c.File == "-" {
		src, err = io.ReadAll(os.Stdin)
	} else {
		src, err = os.ReadFile(c.File)
	}
	if err != nil {
		return err
	}
	doc, err := catalog.ParseYAML(src)
	if err != nil {
		return err
	}
	if err := datadir.Import(ctx, c.DataDir, doc, warnings(s)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.err, "%d domains, %d certificates, %d access keys and %d blocks are in place\n",
		len(doc.Domains), len(doc.Certificates), len(doc.AccessKeys), len(doc.Blocks))
	return err
}

// warnings is the log of commands that do one thing.
func warnings(s streams) *slog.Logger {
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
