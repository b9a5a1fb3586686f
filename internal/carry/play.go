package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"millrace/client"
	"millrace/internal/media"
)

// Play is what the command of that name does.
type Play struct {
	URL string
	// Format is "flv" or "mpegts".
	Format string
	// Path is the file to write; "" or "-" is Out.
	Path string
	Out  io.Writer
	// For ends playing so long after the first access unit; 0: never.
	For     time.Duration
	Options client.PlayOptions
	Line    *Line // of statistics
}

// Run plays until ctx ends, For is over or nobody reads the output any more,
// none of which is an error, or until the stream has ended.
func (p *Play) Run(ctx context.Context) (err error) {
	out := p.Out
	if p.Path != "" && p.Path != "-" {
		f, err := os.Create(p.Path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		out = f
	} else if isTerminal(out) {
		return errors.New("standard output is a terminal: pipe it, as in\n  millrace play " + p.URL + " | ffplay -\nor name a file with -o")
	}
	player, err := client.Play(ctx, p.URL, p.Options)
	if err != nil {
		return ended(ctx, err)
	}
	stop := p.Line.follow(player.Stats)
	err = p.copy(ctx, player, out)
	closing := player.Close()
	stop()
	p.Line.total("played", player.Stats())
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return ended(ctx, errors.Join(err, closing))
}

// copy writes what is played.
func (p *Play) copy(ctx context.Context, player *client.Player, out io.Writer) error {
	u, err := player.Next(ctx)
	if err != nil {
		return err
	}
	if p.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.For)
		defer cancel()
	}
	s, err := newSink(p.Format, out, player.Tracks(), media.Time(u.DTS))
	if err != nil {
		return err
	}
	for {
		if err := s.write(&u); err != nil {
			return fmt.Errorf("at %v: %w", u.DTS, err)
		}
		if u, err = player.Next(ctx); err != nil {
			return err
		}
	}
}
