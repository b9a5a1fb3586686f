package rtmp

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// StatusError is a server's refusal, or its reason for ending the stream.
type StatusError struct{ Code, Description string }

func (e *StatusError) Error() string { return e.Code + ": " + e.Description }

// Reason is the word for it.
func (e *StatusError) Reason() reason.Reason {
	switch e.Code {
	case codeNoStream:
		return reason.NotFound
	case codeTaken:
		return reason.Taken
	}
	return reason.Refused
}

const (
	clientChunkSize = 65536
	maxAnswer       = 1 << 20
)

// caller is a client's end of a connection. One goroutine reads, any may send.
type caller struct {
	net    *timedConn
	in     *rtmpchunk.Reader
	mu     sync.Mutex // held while out is used
	out    *rtmpchunk.Writer
	window uint64 // bytes after which the server wants an acknowledgement; 0: it does not
	acked  uint64
	stream uint32
	name   string
}

// open is the way to the first message.
func (c *caller) open() error {
	if _, _, err := handshake.DoClient(c.net, false, false); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.in = rtmpchunk.NewReader(c.net, rtmpchunk.Limits{Message: maxAnswer, Partial: 8, Buffered: 2 * maxAnswer})
	c.in.Progress = c.acknowledge
	c.out = rtmpchunk.NewWriter(c.net)
	return c.out.SetChunkSize(clientChunkSize)
}

func connectObject(t target) amf0.Object {
	return amf0.Object{
		{Key: "app", Value: t.app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; millrace)"},
		{Key: "tcUrl", Value: t.tcURL},
	}
}

// connect is transaction 1.
func (c *caller) connect(about amf0.Object) error {
	if err := c.open(); err != nil {
		return err
	}
	if err := c.send(3, 0, "connect", 1, about); err != nil {
		return err
	}
	_, err := c.result(1)
	return err
}

func (c *caller) createStream(transaction float64) error {
	if err := c.send(3, 0, "createStream", transaction, nil); err != nil {
		return err
	}
	answer, err := c.result(transaction)
	if err != nil {
		return err
	}
	id, ok := answer.args[len(answer.args)-1].(float64)
	if !ok {
		return fmt.Errorf("%w: createStream gave no stream", errAMF)
	}
	c.stream = uint32(id)
	return nil
}

// result waits for the answer to a call.
func (c *caller) result(transaction float64) (command, error) {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return command{}, err
		}
		switch {
		case cmd.name == "_result" && cmd.transaction == transaction && len(cmd.args) > 0:
			return cmd, nil
		case cmd.name == "_error" && cmd.transaction == transaction:
			return command{}, statusError(cmd)
		}
	}
}

// waitStatus waits for an onStatus with the given code; one of level error ends
// the waiting.
func (c *caller) waitStatus(code string) error {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return err
		}
		if cmd.name != "onStatus" {
			continue
		}
		about, _ := object(cmd.args, 1)
		if got, _ := about.GetString("code"); got == code {
			return nil
		}
		if level, _ := about.GetString("level"); level == "error" {
			return statusError(cmd)
		}
	}
}

func statusError(cmd command) error {
	about, _ := object(cmd.args, 1)
	e := &StatusError{}
	e.Code, _ = about.GetString("code")
	e.Description, _ = about.GetString("description")
	return e
}

func (c *caller) nextCommand() (command, error) {
	for {
		m, err := c.in.Next()
		if err != nil {
			return command{}, err
		}
		if m.Type != rtmpchunk.TypeCommandAMF0 {
			if err := c.heed(m); err != nil {
				return command{}, err
			}
			continue
		}
		if cmd, err := parseCommand(m); err == nil {
			return cmd, nil
		}
	}
}

// heed does what protocol control messages ask for: it answers pings, and notes
// the acknowledgement window.
func (c *caller) heed(m rtmpchunk.Message) error {
	switch {
	case m.Type == rtmpchunk.TypeWindowAckSize && len(m.Body) >= 4:
		c.window = uint64(binary.BigEndian.Uint32(m.Body))
	case m.Type == rtmpchunk.TypeUserControl && len(m.Body) >= 6 && binary.BigEndian.Uint16(m.Body) == eventPingRequest:
		return c.control(rtmpchunk.TypeUserControl, append([]byte{0, eventPingResponse}, m.Body[2:6]...))
	}
	return nil
}

// acknowledge keeps the server sending (RTMP 1.0 section 5.4.3).
func (c *caller) acknowledge(received uint64) error {
	if c.window == 0 || received-c.acked < max(c.window/2, 4096) {
		return nil
	}
	c.acked = received
	return c.control(rtmpchunk.TypeAcknowledgement, binary.BigEndian.AppendUint32(nil, uint32(received)))
}

func (c *caller) control(kind byte, body []byte) error {
	return c.write(rtmpchunk.Message{ChunkStream: rtmpchunk.ControlStream, Type: kind, Body: body})
}

func (c *caller) send(chunkStream, stream uint32, name string, transaction float64, args ...any) error {
	m, err := commandMessage(chunkStream, stream, name, transaction, args...)
	if err != nil {
		return err
	}
	return c.write(m)
}

// write sends messages at once.
func (c *caller) write(all ...rtmpchunk.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range all {
		if err := c.out.Write(m); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	if err := c.out.Flush(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
