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
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// Admission decides who may publish. Its error is a *catalog.Denied, or wraps
// one of the errors of live; its text goes to the client.
type Admission interface {
	Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error)
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
	// publish. 10 s.
	PublishTimeout time.Duration
	// IdleTimeout is how long a publisher may send nothing. 15 s.
	IdleTimeout time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	setDefault(&c.MaxConnections, 2000)
	setDefault(&c.MaxMessage, 8<<20)
	setDefault(&c.MaxPartial, 64)
	setDefault(&c.MaxBuffered, 2*c.MaxMessage)
	setDefault(&c.PublishTimeout, 10*time.Second)
	setDefault(&c.IdleTimeout, 15*time.Second)
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

// Server takes RTMP publishers in.
type Server struct {
	config    Config
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
}

// New returns a Server. It starts nothing.
func New(cfg Config, adm Admission, log *slog.Logger, m *Metrics) *Server {
	return &Server{config: cfg.withDefaults(), admission: adm, log: log, metrics: m}
}

// Serve accepts connections from ln until ctx ends or ln fails, then ends them
// all and waits for them. It closes ln. The end of ctx is not an error. TLS, if
// wanted, is ln's business.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
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
			s.serve(ctx, nc)
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
