package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
)

// ErrURL says that a URL is not rtmp://host[:port]/app/stream[?query], nor the
// same with rtmps.
var ErrURL = errors.New("not an URL of the form rtmp://host/app/stream")

// Default ports by scheme.
const (
	defaultPort    = "1935"
	defaultTLSPort = "443"
)

// Dialer says how clients reach servers.
type Dialer struct {
	// Dial makes the connection; nil: a net.Dialer does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for rtmps://; nil: the system's authorities are trusted.
	TLS *tls.Config
}

// target is where a client goes and what it says there.
type target struct {
	addr, app, tcURL, name string
	tls                    bool
}

// parseTarget splits a URL as ffmpeg does: the query goes with the stream name.
func parseTarget(raw string) (target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	path, query := cutQuery(rest)
	host, path, _ := strings.Cut(path, "/")
	app, name, _ := strings.Cut(path, "/")
	if !ok || scheme != "rtmp" && scheme != "rtmps" || host == "" || app == "" || name == "" {
		return target{}, fmt.Errorf("%w: %.100q", ErrURL, raw)
	}
	t := target{addr: host, app: app, tcURL: scheme + "://" + host + "/" + app, name: name, tls: scheme == "rtmps"}
	if query != "" {
		t.name += "?" + query
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		port := defaultPort
		if t.tls {
			port = defaultTLSPort
		}
		t.addr = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	return t, nil
}

// call connects c, and closes it again when greet fails or ctx ends before.
func (d Dialer) call(ctx context.Context, t target, c *caller, greet func() error) error {
	nc, err := d.connect(ctx, t)
	if err != nil {
		return fmt.Errorf("dial RTMP server: %w", err)
	}
	c.net, c.name = &timedConn{Conn: nc}, t.name
	stop := context.AfterFunc(ctx, c.net.interrupt)
	err = greet()
	if stop() && err == nil {
		return nil
	}
	nc.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// connect makes the connection, over TLS where the URL wants it.
func (d Dialer) connect(ctx context.Context, t target) (net.Conn, error) {
	dial := d.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nc, err := dial(ctx, "tcp", t.addr)
	if err != nil || !t.tls {
		return nc, err
	}
	about := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.TLS != nil {
		about = d.TLS.Clone()
	}
	if about.ServerName == "" {
		about.ServerName, _, _ = net.SplitHostPort(t.addr)
	}
	secure := tls.Client(nc, about)
	if err := secure.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
}
