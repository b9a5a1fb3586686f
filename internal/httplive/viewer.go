package httplive

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// viewer is one viewer being served.
type viewer struct {
	feed   *feed
	out    outlet
	cursor cursor
	sent   prometheus.Counter
	first  func() // after the first write

	bytes uint64
	skips map[reason.Reason]uint64
}

// run sends what the feed has until one of them ends, and says why.
func (v *viewer) run(ctx context.Context) error {
	v.feed.fill()
	v.feed.freshen(ctx)
	batch := v.cursor.begin(net.Buffers{v.feed.prelude()})
	batch, err := v.cursor.take(batch, time.Now())
	// The headers go out even if the stream has just ended.
	if failed := v.send(ctx, batch); failed != nil {
		return failed
	}
	v.first()
	for err == nil {
		if err = v.feed.log.wait(ctx, v.cursor.pos); err != nil {
			return err
		}
		if batch, err = v.cursor.take(batch[:0], time.Now()); len(batch) == 0 {
			continue
		}
		if failed := v.send(ctx, batch); failed != nil {
			return failed
		}
	}
	return err
}

func (v *viewer) send(ctx context.Context, batch net.Buffers) error {
	defer clear(batch) // the frames are shared, and not for a viewer to keep
	size := length(batch)
	if err := v.out.send(ctx, batch); err != nil {
		return err
	}
	v.bytes += uint64(size)
	v.sent.Add(float64(size))
	return nil
}

// totals are what the closing line says.
func (v *viewer) totals(began time.Time) []slog.Attr {
	attrs := []slog.Attr{slog.Uint64("bytes", v.bytes), slog.Duration("lasted", time.Since(began).Round(time.Millisecond))}
	for why, n := range v.skips {
		attrs = append(attrs, slog.Uint64(string(why), n))
	}
	return attrs
}

// endReason is the word for the end of a viewer.
func endReason(err error) reason.Reason {
	var denied *catalog.Denied
	switch {
	case errors.As(err, &denied):
		return denied.Reason
	case errors.Is(err, errBye):
		return reason.ClosedByPeer
	case errors.Is(err, errGone), errors.Is(err, context.Canceled):
		return reason.PeerGone
	}
	return live.ReasonOf(err)
}
