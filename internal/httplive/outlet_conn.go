package httplive

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"millrace/internal/feed"
)

// connOutlet writes to a connection taken over from the HTTP server.
type connOutlet struct {
	*feed.Conn
	conn net.Conn
	last []byte        // ends the response
	deaf chan struct{} // closed when nothing is read any more
}

// chunked makes each batch one chunk (RFC 9112 section 7.1), which tells viewers
// an end of the stream from a broken connection.
type chunked struct{}

// Frame implements feed.Framing.
func (chunked) Frame(out, batch net.Buffers, size int) net.Buffers {
	line := append(strconv.AppendInt(make([]byte, 0, 16), int64(size), 16), "\r\n"...)
	return append(append(append(out, line), batch...), line[len(line)-2:])
}

// openConn hijacks the connection of an HTTP/1 request. ctx ends a write that
// is under way. leave is called with feed.ErrGone when the viewer leaves, also
// while there is nothing to write.
func openConn(ctx context.Context, w http.ResponseWriter, r *http.Request, timeout time.Duration, leave func(error)) (*connOutlet, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("hijack connection: %w", err)
	}
	_ = conn.SetReadDeadline(time.Time{}) // the server's own
	o := &connOutlet{conn: conn, deaf: make(chan struct{})}
	var framing feed.Framing = feed.Plain{}
	if r.ProtoAtLeast(1, 1) {
		framing, o.last = chunked{}, []byte("0\r\n\r\n")
	}
	o.Conn = feed.NewConn(ctx, conn, timeout, framing)
	o.Queue(responseHead(w.Header(), o.last != nil)) // goes out with the first batch
	go o.listen(leave)
	return o, nil
}

// listen throws away what the viewer still says and waits for it to leave, until
// close. One that has closed its half is gone, as it is for net/http.
func (o *connOutlet) listen(leave func(error)) {
	defer close(o.deaf)
	buf := make([]byte, 256)
	for {
		if _, err := o.conn.Read(buf); err != nil {
			leave(feed.ErrGone)
			return
		}
	}
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

// close ends the response properly if nothing is wrong with the connection.
func (o *connOutlet) close(err error) {
	o.Close(err, o.last)
	_ = o.conn.Close()
	<-o.deaf
}
