package httplive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// socketOutlet sends each batch as one binary WebSocket message. Players take
// the messages as one stream of bytes.
type socketOutlet struct {
	conn    *websocket.Conn
	timeout time.Duration
	scratch feed.Scratch
	deaf    chan struct{} // closed when nothing is read any more
}

// maxMessage bounds what a viewer may send; it is thrown away.
const maxMessage = 4 << 10

// openSocket upgrades the request. leave is called when the viewer does, with
// errBye or feed.ErrGone.
func openSocket(ctx context.Context, w http.ResponseWriter, r *http.Request, timeout time.Duration, leave func(error)) (*socketOutlet, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any page may play: the URL is what is signed
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("upgrade to WebSocket: %w", err)
	}
	conn.SetReadLimit(maxMessage)
	o := &socketOutlet{conn: conn, timeout: timeout, deaf: make(chan struct{})}
	// The reading side lives as long as the connection: ending it with ctx
	// would cut the closing handshake off.
	go o.listen(context.WithoutCancel(ctx), leave)
	return o, nil
}

// listen answers pings and waits for the viewer to leave, until close.
func (o *socketOutlet) listen(ctx context.Context, leave func(error)) {
	defer close(o.deaf)
	for {
		_, _, err := o.conn.Read(ctx)
		switch {
		case err == nil:
		case websocket.CloseStatus(err) >= 0:
			leave(errBye)
			return
		default:
			leave(feed.ErrGone)
			return
		}
	}
}

func (o *socketOutlet) Send(ctx context.Context, batch net.Buffers) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.timeout)
	defer feed.AbortOn(ctx, func() {
		select {
		case <-limited.Done():
		case <-time.After(feed.LastWords):
			cancel()
		}
	})()
	defer cancel()
	err := o.conn.Write(limited, websocket.MessageBinary, o.scratch.Gather(batch))
	return feed.SendError(ctx, err, began, o.timeout)
}

// close says good bye with the reason; a viewer that does not read, or is
// gone, is not waited for.
func (o *socketOutlet) close(err error) {
	defer func() { <-o.deaf }()
	why := endReason(err)
	switch {
	case errors.Is(err, live.ErrSlow) || why == reason.PeerGone || why == reason.ClosedByPeer:
		_ = o.conn.CloseNow()
	case why == reason.Shutdown:
		_ = o.conn.Close(websocket.StatusGoingAway, string(why))
	default:
		_ = o.conn.Close(websocket.StatusNormalClosure, string(why))
	}
}
