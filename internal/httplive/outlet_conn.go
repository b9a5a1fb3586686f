package httplive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"millrace/internal/live"
)

// connOutlet writes to a connection taken over from the HTTP server: one
// vectored write per batch. To HTTP/1.1 a batch is one chunk (RFC 9112 section
// 7.1), which tells viewers an end of the stream from a broken connection.
type connOutlet struct {
	conn    net.Conn
	tcp     *net.TCPConn // nil: TLS, or wrapped by the listener
	timeout time.Duration
	chunked bool
	head    []byte // response header; goes out with the first batch
	size    []byte // scratch: chunk size line
	pieces  net.Buffers
	scratch scratch
	broken  bool // a write was cut off
	stop    func()
}

// openConn hijacks the connection of an HTTP/1 request. ctx ends a write that
// is under way.
func openConn(ctx context.Context, w http.ResponseWriter, r *http.Request, timeout time.Duration) (*connOutlet, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("hijack connection: %w", err)
	}
	o := &connOutlet{conn: conn, timeout: timeout, chunked: r.ProtoAtLeast(1, 1)}
	o.tcp, _ = conn.(*net.TCPConn)
	o.head = responseHead(w.Header(), o.chunked)
	_ = conn.SetReadDeadline(time.Time{}) // the server's own
	limitUnsent(conn)
	o.stop = abortOn(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(lastWords)) })
	return o, nil
}

func responseHead(h http.Header, chunked bool) []byte {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n")
	if chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	b.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	_ = h.Write(&b) // a Builder does not fail
	b.WriteString("\r\n")
	return []byte(b.String())
}

func (o *connOutlet) send(ctx context.Context, batch net.Buffers) error {
	began := time.Now()
	if err := o.conn.SetWriteDeadline(began.Add(o.timeout)); err != nil {
		return sendError(ctx, err, began, o.timeout)
	}
	// A cancellation before this point was overwritten; a later one is not.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := o.write(o.frame(batch))
	o.broken = err != nil
	return sendError(ctx, err, began, o.timeout)
}

// frame returns batch with what HTTP puts around it.
func (o *connOutlet) frame(batch net.Buffers) net.Buffers {
	o.pieces = o.pieces[:0]
	if o.head != nil {
		o.pieces = append(o.pieces, o.head)
		o.head = nil
	}
	if !o.chunked {
		return append(o.pieces, batch...)
	}
	o.size = strconv.AppendInt(o.size[:0], int64(length(batch)), 16)
	o.size = append(o.size, "\r\n"...)
	o.pieces = append(append(o.pieces, o.size), batch...)
	o.pieces = append(o.pieces, o.size[len(o.size)-2:])
	return o.pieces
}

// write writes pieces and lets go of them: they are shared, and a viewer must
// not be what keeps them.
func (o *connOutlet) write(pieces net.Buffers) error {
	defer clear(pieces)
	if o.tcp != nil {
		rest := pieces // WriteTo moves it on
		_, err := rest.WriteTo(o.tcp)
		return err
	}
	_, err := o.conn.Write(o.scratch.gather(pieces))
	return err
}

// close ends the response properly if nothing is wrong with the connection.
func (o *connOutlet) close(err error) {
	o.stop()
	if o.chunked && !o.broken && !errors.Is(err, live.ErrSlow) && o.conn.SetWriteDeadline(time.Now().Add(lastWords)) == nil {
		_ = o.write(net.Buffers{[]byte("0\r\n\r\n")}) // the connection closes in any case
	}
	if o.broken {
		_ = rawConn(o.conn).Close() // TLS would try to say good bye, for 5 s
	}
	_ = o.conn.Close()
}

// rawConn is the connection below TLS, or c itself.
func rawConn(c net.Conn) net.Conn {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		return wrapped.NetConn()
	}
	return c
}
