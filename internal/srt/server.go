package srt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Admission decides who may publish and who may play. Its errors are
// *catalog.Denied, or wrap one of the errors of live.
type Admission interface {
	Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error)
	feed.Admission
}

// Config says how to listen, and bounds connections. A zero field means its
// default, where there is one.
type Config struct {
	// Addr is the UDP address to listen on.
	Addr string
	// Passphrase must be the callers', 10 to 80 bytes; "": connections are not
	// encrypted.
	Passphrase string
	// Latency is the least time that packets are held back for repair. A caller
	// may ask for more. 120 ms.
	Latency time.Duration
	// MaxConnections includes those that are being decided on. 1000.
	MaxConnections int
	// MaxHandshakes is how many may be decided on at a time. 64.
	MaxHandshakes int
	// DecideTimeout is how long a decision may take; callers give up after 3 s. 2.5 s.
	DecideTimeout time.Duration
	// PeerTimeout is how long nothing at all may come from a peer. 5 s.
	PeerTimeout time.Duration
	// IdleTimeout is how long a publisher may send no media. 15 s.
	IdleTimeout time.Duration
	// Patience is how long a viewer that is too slow may take to catch up. 10 s.
	Patience time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	setDefault(&c.Latency, 120*time.Millisecond)
	setDefault(&c.MaxConnections, 1000)
	setDefault(&c.MaxHandshakes, 64)
	setDefault(&c.DecideTimeout, 2500*time.Millisecond)
	setDefault(&c.PeerTimeout, 5*time.Second)
	setDefault(&c.IdleTimeout, 15*time.Second)
	setDefault(&c.Patience, 10*time.Second)
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Server serves SRT publishers and viewers.
type Server struct {
	config    Config
	listener  gosrt.Listener
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
	peers     *peers
	feeds     *feed.Set
}

// Listen opens the socket. Callers wait until Serve decides on them.
func Listen(cfg Config, adm Admission, log *slog.Logger, m *Metrics) (*Server, error) {
	cfg = cfg.withDefaults()
	about := gosrt.DefaultConfig()
	about.ReceiverLatency, about.PeerLatency = cfg.Latency, cfg.Latency
	about.PeerIdleTimeout = cfg.PeerTimeout
	heard := &peers{}
	about.Logger = heard
	at, err := free(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for SRT: %w", err)
	}
	ln, err := gosrt.Listen("srt", at, about)
	if err != nil {
		return nil, fmt.Errorf("listen for SRT: %w", err)
	}
	return &Server{
		config: cfg, listener: ln, admission: adm, log: log, metrics: m, peers: heard,
		feeds: &feed.Set{
			Admission: adm, Renderer: &renderer{}, Log: log, OnDrop: m.skip, StartTimeout: cfg.DecideTimeout, MaxAge: maxAge,
		},
	}, nil
}

// free resolves an address, which the library does not, and sees to it that
// nobody listens there: the library would share the port.
func free(addr string) (string, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return "", err
	}
	c, err := net.ListenUDP("udp", at)
	if err != nil {
		return "", err
	}
	if at.IP == nil {
		return addr, c.Close()
	}
	return at.String(), c.Close()
}

// Addr is the address that the socket got.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve decides on callers and serves them until ctx ends or the socket fails,
// then ends them all, closes the socket, and waits for them. The end of ctx is
// not an error.
func (s *Server) Serve(ctx context.Context) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	var running, accepting sync.WaitGroup
	defer accepting.Wait()
	defer s.listener.Close()
	defer running.Wait()
	defer cancel(live.ErrShutdown)
	done := make(chan struct{})
	defer close(done)
	// The end of the parent reaches sessions with its reason. They say goodbye
	// through the socket, so that it goes last.
	running.Go(func() {
		select {
		case <-parent.Done():
		case <-done:
		}
		cancel(live.ErrShutdown)
	})

	requests := make(chan gosrt.ConnRequest)
	failed := make(chan error, 1)
	accepting.Go(func() { failed <- s.accept(ctx, requests) })
	places := make(chan struct{}, s.config.MaxConnections)
	deciding := make(chan struct{}, s.config.MaxHandshakes)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if errors.Is(err, gosrt.ErrListenerClosed) && parent.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept SRT connection: %w", err)
		case q := <-requests:
			if !take(places) {
				s.full(q)
				continue
			}
			if !take(deciding) {
				<-places
				s.full(q)
				continue
			}
			running.Go(func() {
				defer func() { <-places }()
				s.serve(ctx, q, sync.OnceFunc(func() { <-deciding }))
			})
		}
	}
}

// accept passes callers on until the socket is closed.
func (s *Server) accept(ctx context.Context, requests chan<- gosrt.ConnRequest) error {
	for {
		q, err := s.listener.Accept2()
		if err != nil {
			return err
		}
		select {
		case requests <- q:
		case <-ctx.Done():
			q.Reject(gosrt.REJX_DOWN)
		}
	}
}

func take(places chan<- struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) full(q gosrt.ConnRequest) {
	code, why := reject(errFull)
	q.Reject(code)
	s.closed(why)
}

func (s *Server) closed(why reason.Reason) { s.metrics.closed.WithLabelValues(string(why)).Inc() }
