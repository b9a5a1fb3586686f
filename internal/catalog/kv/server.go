package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// startTimeout bounds the recovery of a large store on a slow disk.
	startTimeout = time.Minute
	// requestTimeout bounds one read or write, the sync to disk included.
	requestTimeout = 10 * time.Second
	// markerLife is how long a deletion is kept for those who watch.
	markerLife = time.Hour
)

// Server is an open store. Close it.
type Server struct {
	nats *server.Server
	conn *nats.Conn
	js   jetstream.JetStream
}

// Open starts a server on the files in dir, which it makes where they are
// missing. No other process may have dir open.
func Open(dir string, log *slog.Logger) (*Server, error) {
	n, err := server.NewServer(&server.Options{
		ServerName: "millrace", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: dir, SyncAlways: true, DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	n.SetLoggerV2(logger{log}, false, false, false)
	n.Start()
	if !n.ReadyForConnections(startTimeout) {
		n.Shutdown()
		n.WaitForShutdown()
		return nil, errors.New("open store: it does not get ready")
	}
	s := &Server{nats: n}
	if s.conn, err = nats.Connect("", nats.InProcessServer(n), nats.MaxReconnects(-1)); err == nil {
		s.js, err = jetstream.New(s.conn, jetstream.WithDefaultTimeout(requestTimeout))
	}
	if err == nil && n.JetStreamConfig() == nil {
		err = errors.New("JetStream is off")
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Bucket opens one of the server's stores by its name, [a-z]+, and makes it
// where it is missing. Entries older than age are dropped; 0 keeps them.
func (s *Server) Bucket(ctx context.Context, name string, age time.Duration) (*Store, error) {
	bucket, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, TTL: age, LimitMarkerTTL: markerLife, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	return &Store{s.js, bucket}, nil
}

// Close ends the server. What was acknowledged is on disk already.
func (s *Server) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// logger is where the server's warnings go.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(string, ...any) {}
func (l logger) Debugf(string, ...any)  {}
func (l logger) Tracef(string, ...any)  {}
func (l logger) Warnf(format string, args ...any) {
	l.log.Warn("store: " + fmt.Sprintf(format, args...))
}
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}
func (l logger) Fatalf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}
