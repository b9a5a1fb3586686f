package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"millrace/client"
	"millrace/internal/media"
)

// Play is what the command of that name does.
type Play struct {
	URL string
	// Format is "flv" or "mpegts"; "" leaves it to the name of the file, and
	// then to the sound.
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
	toFile := p.Path != "" && p.Path != "-"
	if !toFile && isTerminal(p.Out) {
		return errors.New("standard output is a terminal: pipe it, as in\n  millrace play '" + p.URL + "' | ffplay -\nor name a file with -o")
	}
	player, err := client.Play(ctx, p.URL, p.Options)
	if err != nil {
		return ended(ctx, err)
	}
	out := p.Out
	if toFile { // only now: a stream that is not there costs no recording
		f, err := os.Create(p.Path)
		if err != nil {
			return errors.Join(err, player.Close())
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		out = f
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
	s, err := newSink(p.format(player.Tracks()), out, player.Tracks(), media.Time(u.DTS))
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

// format is the container: what was asked for, what the file is called after, or
// what players can read. FLV with Opus is news to most of them.
func (p *Play) format(tracks []*client.Track) string {
	if p.Format != "" {
		return p.Format
	}
	switch strings.ToLower(filepath.Ext(p.Path)) {
	case ".ts", ".mts", ".m2ts":
		return "mpegts"
	case ".flv":
		return "flv"
	}
	if audio := pick(tracks, client.Audio); audio != nil && audio.Codec == client.Opus {
		return "mpegts"
	}
	return "flv"
}
