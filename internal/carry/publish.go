package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"millrace/client"
)

// Publish is what the command of that name does.
type Publish struct {
	URL   string
	Input Input
	// Loop begins again at the end of a file.
	Loop bool
	// Fast sends what is read at once, for input that is live by itself.
	Fast bool
	// LATM sends AAC in LATM.
	LATM       bool
	Connection client.Connection
	Line       *Line // of statistics
}

// endWait is how long the last packets may take, with their repeats.
const endWait = 300 * time.Millisecond

// Run publishes until the input or ctx ends, neither of which is an error.
func (p *Publish) Run(ctx context.Context) error {
	in := p.Input
	if !in.isFile() {
		if isTerminal(in.Stdin) {
			return errors.New("standard input is a terminal: pipe FLV or MPEG-TS into it, or name a file with -i")
		}
		if in.Stdin != nil {
			in.Stdin = interruptible(ctx, in.Stdin)
		}
	}
	src, err := in.open(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	o := client.PublishOptions{LATM: p.LATM, Connection: p.Connection}
	o.Video, o.Audio = src.tracks()
	pub, err := client.Publish(ctx, p.URL, o)
	if err != nil {
		_ = src.close()
		return ended(ctx, err)
	}
	stop := p.Line.follow(pub.Stats)
	err = p.send(ctx, pub, src)
	if err == nil {
		rest := time.NewTimer(endWait)
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
		}
	}
	closing := pub.Close()
	stop()
	p.Line.total("published", pub.Stats())
	return ended(ctx, errors.Join(err, closing))
}

// ended is err, unless ctx asked for the end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// send sends the source once, or over and over. The next pass is opened while
// the last one runs: a program that takes a file apart takes its time to start.
func (p *Publish) send(ctx context.Context, pub *client.Publisher, src source) error {
	pace := &pacer{off: p.Fast}
	for {
		var following chan opened
		if p.Loop && p.Input.isFile() {
			following = make(chan opened, 1)
			go func() {
				s, err := p.Input.open(ctx)
				following <- opened{s, err}
			}()
		}
		err := p.pass(ctx, pub, src, pace)
		_ = src.close()
		if following == nil {
			return err
		}
		f := <-following
		if err != nil || f.err != nil || ctx.Err() != nil {
			if f.err == nil {
				_ = f.close()
			}
			return errors.Join(err, f.err)
		}
		src = f.source
		pace.again()
	}
}

// opened is a source, or why there is none.
type opened struct {
	source
	err error
}

func (p *Publish) pass(ctx context.Context, pub *client.Publisher, src source, pace *pacer) error {
	for {
		u, err := src.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !pace.wait(ctx, &u) {
			return nil
		}
		if err := pub.Write(ctx, u); err != nil && ctx.Err() == nil {
			if pub.Err() == nil {
				err = fmt.Errorf("at %v: %w", u.DTS, err)
			}
			return err
		}
	}
}
