package httplive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"millrace/internal/live"
	"millrace/internal/reason"
)

// socketOutlet sends each batch as one binary WebSocket message. Players take
// the messages as one stream of bytes.
type socketOutlet struct {
	conn    *websocket.Conn
	timeout time.Duration
	scratch scratch
}

// openSocket upgrades the request. bye is called when the viewer closes.
func openSocket(ctx context.Context, w http.ResponseWriter, r *http.Request, timeout time.Duration, bye func()) (*socketOutlet, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any page may play: the URL is what is signed
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("upgrade to WebSocket: %w", err)
	}
	// The reading side lives as long as the connection: ending it with ctx
	// would cut the closing handshake off.
	gone := conn.CloseRead(context.WithoutCancel(ctx))
	context.AfterFunc(gone, bye)
	return &socketOutlet{conn: conn, timeout: timeout}, nil
}

func (o *socketOutlet) send(ctx context.Context, batch net.Buffers) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err := o.conn.Write(limited, websocket.MessageBinary, o.scratch.gather(batch))
	return sendError(ctx, err, began, o.timeout)
}

// close says good bye with the reason; a viewer that does not read, or is
// gone, is not waited for.
func (o *socketOutlet) close(err error) {
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
