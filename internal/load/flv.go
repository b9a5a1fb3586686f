package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"
)

// joinFLV plays by HTTP-FLV, in a goroutine of its own.
func (a *audience) joinFLV(ctx context.Context, raw string) (*member, error) {
	s := newSeen()
	playing, stop := context.WithCancel(context.WithoutCancel(ctx))
	unbind := context.AfterFunc(ctx, stop)
	defer unbind() // ctx bounds the joining only
	req, err := http.NewRequestWithContext(playing, http.MethodGet, raw, http.NoBody)
	if err != nil {
		stop()
		return nil, fmt.Errorf("play: %w", err)
	}
	res, err := a.client.Do(req)
	if err != nil {
		stop()
		return nil, fmt.Errorf("play: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		stop()
		return nil, fmt.Errorf("refused: %s", res.Status)
	}
	s.connected = time.Now().UnixNano()
	a.running.Go(func() {
		select {
		case <-a.ended:
		case <-playing.Done():
		}
		stop()
	})
	a.running.Go(func() {
		defer stop()
		defer res.Body.Close() //nolint:errcheck // only read from
		skim := newFLVSkim(res.Body)
		for skim.next(s) == nil {
		}
	})
	return &member{s, nil, func(context.Context, bool) error { stop(); return nil }}, nil
}

// flvSkim reads FLV tags and looks into no more of them than the stamp. A tag
// counts as a packet.
type flvSkim struct {
	in   *bufio.Reader
	body []byte
}

const (
	flvFileHead = 9 + 4
	flvTagHead  = 11
	flvTagTail  = 4
	flvMostBody = 8 << 20
	flvVideo    = 9
)

func newFLVSkim(r io.Reader) *flvSkim { return &flvSkim{in: bufio.NewReaderSize(r, 16<<10)} }

// next reads one tag, or the header of the file before the first.
func (f *flvSkim) next(s *seen) error {
	if f.body == nil {
		f.body = make([]byte, 0, 32<<10)
		if _, err := f.in.Discard(flvFileHead); err != nil {
			return err
		}
	}
	head, err := f.in.Peek(flvTagHead)
	if err != nil {
		return err
	}
	kind, size := head[0], int(binary.BigEndian.Uint32(head)&0xffffff)
	if size > flvMostBody {
		return fmt.Errorf("FLV tag of %d bytes", size)
	}
	_, _ = f.in.Discard(flvTagHead)
	want := min(size, stampWithin+stampSize)
	f.body = append(f.body[:0], make([]byte, want)...)
	if _, err := io.ReadFull(f.in, f.body); err != nil {
		return err
	}
	if _, err := f.in.Discard(size - want + flvTagTail); err != nil {
		return err
	}
	at := time.Now().UnixNano()
	s.packet(flvTagHead+size+flvTagTail, at)
	if kind != flvVideo {
		return nil
	}
	if st, _, ok := findStamp(f.body); ok {
		s.frame(st, at)
	}
	return nil
}
