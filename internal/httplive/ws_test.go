package httplive_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// messages reads the binary messages of a connection as one stream of bytes.
type messages struct {
	ctx  context.Context
	conn *websocket.Conn
	rest []byte
}

func (m *messages) Read(b []byte) (int, error) {
	for len(m.rest) == 0 {
		kind, message, err := m.conn.Read(m.ctx)
		if err != nil {
			return 0, err
		}
		if kind != websocket.MessageBinary {
			return 0, errors.New("a message is not binary")
		}
		m.rest = message
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (s *stage) dial(t *testing.T) (*flv.Reader, *websocket.Conn) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.web.URL+"/live/demo.flv?auth_key=x", &websocket.DialOptions{
		HTTPClient: s.client, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(-1)
	return flv.NewReader(&messages{ctx: t.Context(), conn: conn}), conn
}

func TestWebSocketFramesArriveUnchanged(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	half := len(all) / 2
	write(t, p, all[:half]...)
	r, _ := s.dial(t)
	got := next(t, r, half)
	write(t, p, all[half:]...)
	got = append(got, next(t, r, len(all)-half)...)
	compare(t, got, frames(t))
	p.Close(reason.ClosedByPeer)
	_, err := r.Next()
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusNormalClosure || closed.Reason != "stream_ended" {
		t.Errorf("end of the stream: %v", err)
	}
	if line := s.closed(t); line["proto"] != "ws-flv" || line["reason"] != "stream_ended" {
		t.Errorf("closing line %v", line)
	}
}

func TestWebSocketViewerLeaves(t *testing.T) {
	for name, leave := range map[string]func(*websocket.Conn){
		"closed_by_peer": func(c *websocket.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") },
		"peer_gone":      func(c *websocket.Conn) { _ = c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{})
			all := frames(t)
			write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
			r, conn := s.dial(t)
			next(t, r, len(all))
			leave(conn)
			if line := s.closed(t); line["reason"] != name {
				t.Errorf("closing line %v", line)
			}
		})
	}
}

func TestWebSocketServerCloses(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	r, _ := s.dial(t)
	next(t, r, len(all))
	ended := make(chan error, 1)
	go func() {
		_, err := r.Next()
		ended <- err
	}()
	s.server.Close()
	if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the viewer sees %v", err)
	}
	if line := s.closed(t); line["reason"] != "shutdown" {
		t.Errorf("closing line %v", line)
	}
}

func TestWebSocketSharesTheFeed(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	r, _ := s.get(t)
	w, _ := s.dial(t)
	compare(t, next(t, r, len(all)), frames(t))
	compare(t, next(t, w, len(all)), frames(t))
	if stats := s.hub.Stats(); stats[0].Readers != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestBadUpgrade(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	req, err := http.NewRequest("GET", s.web.URL+"/live/demo.flv", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "1")
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %s, %v", resp.Status, err)
	}
	if line := s.closed(t); line["reason"] != "bad_request" {
		t.Errorf("closing line %v", line)
	}
}
