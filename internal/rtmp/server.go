package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// Admission decides who may publish and who may play. Its errors are a
// *catalog.Denied, or wrap one of the errors of live; their text goes to the
// client.
type Admission interface {
	Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error)
	feed.Admission
}

// Config bounds connections. A zero field means its default.
type Config struct {
	// MaxConnections includes those that have not said yet what they want. 2000.
	MaxConnections int
	// MaxMessage is the largest message in bytes. 8 MiB.
	MaxMessage int
	// MaxPartial is how many messages of a connection may be unfinished. 64.
	MaxPartial int
	// MaxBuffered bounds the memory of one connection's unfinished messages,
	// in bytes. Twice MaxMessage.
	MaxBuffered int
	// PublishTimeout is how long after its acceptance a connection must
	// publish or play. 10 s.
	PublishTimeout time.Duration
	// StartTimeout is how long after a play command its stream may take to begin, and
	// as long again the conversion of its sound. live.StartWait.
	StartTimeout time.Duration
	// IdleTimeout is how long a publisher may send nothing. 15 s.
	IdleTimeout time.Duration
	// WriteTimeout is how long one write to a player may block. 10 s.
	WriteTimeout time.Duration
	// MaxAge is the age of what a player has not been sent yet at which it
	// goes on at the newest key frame. 3 s.
	MaxAge time.Duration
	// Patience is how long a player that was too old may take to catch up,
	// skipping or not, before it is closed as slow. 20 s.
	Patience time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	setDefault(&c.MaxConnections, 2000)
	setDefault(&c.MaxMessage, 8<<20)
	setDefault(&c.MaxPartial, 64)
	setDefault(&c.MaxBuffered, 2*c.MaxMessage)
	setDefault(&c.PublishTimeout, 10*time.Second)
	setDefault(&c.StartTimeout, live.StartWait)
	setDefault(&c.IdleTimeout, 15*time.Second)
	setDefault(&c.WriteTimeout, 10*time.Second)
	setDefault(&c.MaxAge, 3*time.Second)
	setDefault(&c.Patience, 20*time.Second)
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// strangerLimits hold until a connection is admitted: commands are small.
func (c Config) strangerLimits() rtmpchunk.Limits {
	return rtmpchunk.Limits{Message: min(maxAMF, c.MaxMessage), Partial: min(8, c.MaxPartial), Buffered: min(4*maxAMF, c.MaxBuffered)}
}

func (c Config) limits() rtmpchunk.Limits {
	return rtmpchunk.Limits{Message: c.MaxMessage, Partial: c.MaxPartial, Buffered: c.MaxBuffered}
}

// Server serves RTMP publishers and players.
type Server struct {
	plain     *feed.Set // for players of H264 alone
	enhanced  *feed.Set // for those of more
	config    Config
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
}

// New returns a Server. It starts nothing.
func New(cfg Config, adm Admission, log *slog.Logger, m *Metrics) *Server {
	cfg = cfg.withDefaults()
	feeds := func(r renderer) *feed.Set {
		return &feed.Set{
			Admission: adm, Renderer: r, Log: log, OnDrop: m.skip,
			StartTimeout: cfg.StartTimeout, MaxAge: cfg.MaxAge,
		}
	}
	return &Server{
		config: cfg, admission: adm, log: log, metrics: m,
		plain: feeds(renderer{}), enhanced: feeds(renderer{enhanced: true}),
	}
}

// Serve accepts connections from ln until ctx ends or ln fails, then ends them
// all and waits for them. It closes ln. The end of ctx is not an error. TLS, if
// wanted, is ln's business; protocol is the word for it.
func (s *Server) Serve(ctx context.Context, ln net.Listener, protocol catalog.Protocol) error {
	parent := ctx
	// The end of the parent reaches connections with its reason.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(live.ErrShutdown)
	defer ln.Close()
	stop := context.AfterFunc(parent, func() {
		cancel(live.ErrShutdown)
		ln.Close()
	})
	defer stop()

	places := make(chan struct{}, s.config.MaxConnections)
	for {
		nc, err := accept(ctx, ln)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept RTMP connection: %w", err)
		}
		select {
		case places <- struct{}{}:
		default:
			s.metrics.closed.WithLabelValues(string(reason.Limit)).Inc()
			nc.Close()
			continue
		}
		running.Go(func() {
			s.serve(ctx, nc, protocol)
			<-places
		})
	}
}

// accept waits out shortages that pass, such as of file descriptors.
func accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for {
		nc, err := ln.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || !errors.As(err, &passing) || !passing.Temporary() {
			return nc, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
