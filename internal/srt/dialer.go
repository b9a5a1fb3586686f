package srt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/reason"
)

// ErrURL says that a URL is not srt://host:port[?streamid=…&passphrase=…].
var ErrURL = errors.New("not an URL of the form srt://host:port?streamid=ID")

// Dialer says how clients reach servers.
type Dialer struct {
	// Resolve returns the address to send to; nil: any that host:port has.
	Resolve func(ctx context.Context, addr string) (netip.AddrPort, error)
	// Latency is the least time that packets are held back for repair. 120 ms.
	Latency time.Duration
}

// RefusedError is a server's refusal.
type RefusedError struct{ Code gosrt.RejectionReason }

func (e *RefusedError) Error() string { return "refused with code " + strconv.Itoa(int(e.Code)) }

// Reason is the word for it.
func (e *RefusedError) Reason() reason.Reason {
	switch e.Code {
	case gosrt.REJX_NOTFOUND:
		return reason.NotFound
	case conflict:
		return reason.Taken
	}
	return reason.Refused
}

// unreachable says that no connection came about.
type unreachable struct{ err error }

func (e *unreachable) Error() string         { return e.err.Error() }
func (e *unreachable) Unwrap() error         { return e.err }
func (e *unreachable) Reason() reason.Reason { return reason.Unreachable }

// target is where a client goes and what it says there.
type target struct{ addr, streamID, passphrase string }

// parseTarget takes a URL apart as ffmpeg does: a streamid may hold what would
// have to be escaped elsewhere.
func parseTarget(raw string) (target, error) {
	rest, ok := strings.CutPrefix(raw, "srt://")
	place, query, _ := strings.Cut(rest, "?")
	t := target{addr: strings.TrimSuffix(place, "/")}
	if _, port, err := net.SplitHostPort(t.addr); !ok || err != nil || port == "" {
		return target{}, fmt.Errorf("%w: %.100q", ErrURL, place)
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		switch key {
		case "streamid":
			t.streamID = value
		case "passphrase":
			t.passphrase = value
		}
	}
	return t, nil
}

// dial connects. It blocks for some seconds at most.
func (d Dialer) dial(ctx context.Context, raw string) (*line, error) {
	t, err := parseTarget(raw)
	if err != nil {
		return nil, err
	}
	if d.Resolve != nil {
		at, err := d.Resolve(ctx, t.addr)
		if err != nil {
			return nil, &unreachable{err}
		}
		t.addr = at.String()
	}
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = t.streamID, t.passphrase
	if d.Latency > 0 {
		c.ReceiverLatency, c.PeerLatency = d.Latency, d.Latency
	}
	c.PeerIdleTimeout = Config{}.withDefaults().PeerTimeout
	patience := &patience{}
	c.Logger = patience
	conn, err := gosrt.Dial("srt", t.addr, c)
	patience.over.Store(true)
	l := &line{Conn: conn}
	if err == nil {
		patience.clock.Store(newPeerClock(conn))
	}
	switch {
	case err != nil:
		return nil, failed(err)
	case ctx.Err() != nil:
		l.hangUp()
		return nil, context.Cause(ctx)
	}
	return l, nil
}

// failed finds the code of a refusal, which the library tells in words alone, and
// to the base of 32.
func failed(err error) error {
	_, code, found := strings.Cut(err.Error(), "REJECT (")
	if n, bad := strconv.ParseUint(strings.TrimSuffix(code, ")"), 32, 31); found && bad == nil {
		return &RefusedError{gosrt.RejectionReason(n)}
	}
	return &unreachable{err}
}

// patience holds up the library's end of a connection that did not come about: the
// goroutine that reads its socket would otherwise wait for ever to say that it has
// ended. It says so when it looks, which is every three seconds. Of one that did, it
// has the server's clock followed.
type patience struct {
	over  atomic.Bool
	clock atomic.Pointer[peerClock]
}

// HasTopic implements gosrt.Logger.
func (p *patience) HasTopic(topic string) bool { return topic == "dial" || topic == confirmTopic }

// Print implements gosrt.Logger.
func (p *patience) Print(topic string, _ uint32, _ int, message func() string) {
	switch topic {
	case "dial":
		if !p.over.Load() && message() == "closing socket" {
			time.Sleep(3200 * time.Millisecond)
		}
	case confirmTopic:
		if c := p.clock.Load(); c != nil {
			c.confirmed(time.Now(), message)
		}
	}
}

// Listen implements gosrt.Logger; there is nothing to listen to.
func (p *patience) Listen() <-chan gosrt.Log { return nil }

// Close implements gosrt.Logger.
func (p *patience) Close() {}

// line is a client's connection. One goroutine reads and one writes.
type line struct {
	gosrt.Conn
	reading sync.Mutex
	over    atomic.Bool // the library has said so
}

// Read implements io.Reader.
func (l *line) Read(b []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	n, err := l.Conn.Read(b)
	l.note(err)
	return n, err
}

// Write implements io.Writer.
func (l *line) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	l.note(err)
	return n, err
}

func (l *line) note(err error) {
	if errors.Is(err, gosrt.ErrClientClosed) {
		l.over.Store(true)
	}
}

// hangUp ends the connection, and sees to it that the library's goroutine that
// reads the socket ends: where it came too late for Close it waits until somebody
// asks. Which of the two it was, nobody says.
func (l *line) hangUp() {
	_ = l.Conn.Close()
	b := make([]byte, message)
	for range 50 {
		_, _ = l.Read(b)
		if l.over.Load() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}
