package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

// flow is one viewer over HTTP. Once it plays, one goroutine reads from it; who
// else asks looks into seen, and sets left.
type flow struct {
	*seen
	conn   net.Conn
	fd     int // in the place of conn, where flows receive
	chunks chunks
	skim   flvSkim
	left   atomic.Bool
}

// joinFLV plays by HTTP-FLV.
func (a *audience) joinFLV(ctx context.Context, raw string) (*member, error) {
	f := &flow{seen: newSeen()}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	if err := f.play(ctx, raw); err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	if tcp, ok := f.conn.(*net.TCPConn); !ok || !a.flows.add(f, tcp) {
		a.running.Go(func() { f.watch(a.ended) })
	}
	return &member{f.seen, nil, func(context.Context, bool) error { f.left.Store(true); return nil }}, nil
}

// play connects, and reads the answer up to where media begins.
func (f *flow) play(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // has its name
	}
	to := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		f.conn, err = (&tls.Dialer{}).DialContext(ctx, "tcp", to)
	} else {
		f.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", to)
	}
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.conn.SetDeadline(time.Unix(1, 0)) })
	if err = f.request(u); err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = f.conn.Close()
	}
	return err
}

func (f *flow) request(u *url.URL) error {
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host}
	if err := req.Write(f.conn); err != nil {
		return err
	}
	in := bufio.NewReader(f.conn)
	res, err := http.ReadResponse(in, req) //nolint:bodyclose // it would read to the end; what follows is read from conn
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("refused: %s", res.Status)
	}
	f.connected = time.Now().UnixNano()
	f.chunks.on = len(res.TransferEncoding) > 0
	early := make([]byte, in.Buffered())
	if _, err := io.ReadFull(in, early); err != nil {
		return err
	}
	return f.receive(early, f.connected)
}

// receive takes what came at a moment. It fails at the end of the stream.
func (f *flow) receive(b []byte, at int64) error {
	for len(b) > 0 {
		data, rest, err := f.chunks.next(b)
		if err == nil {
			err = f.skim.write(f.seen, data, at)
		}
		if err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// watch receives until ended is closed, the viewer leaves, or the stream ends.
// A moment is here that of reading.
func (f *flow) watch(ended <-chan struct{}) {
	defer f.conn.Close()
	buf := make([]byte, 64<<10)
	for !f.left.Load() {
		select {
		case <-ended:
			return
		default:
		}
		_ = f.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := f.conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || f.receive(buf[:n], time.Now().UnixNano()) != nil {
			return
		}
	}
}
