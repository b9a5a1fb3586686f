package rtmp

import (
	"context"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/reason"
)

// slowSource supplies streams that never begin.
type slowSource struct{ asked chan struct{} }

func (slowSource) Supplies(live.Name) bool { return true }

func (s slowSource) Supply(ctx context.Context, _ live.Name) error {
	s.asked <- struct{}{}
	<-ctx.Done()
	return context.Cause(ctx)
}

// A player that hangs up while its stream begins is not waited for.
func TestPlayerLeavesBeforeTheStream(t *testing.T) {
	w := run(t, Config{StartTimeout: time.Hour})
	s := slowSource{make(chan struct{})}
	w.hub.AddSupplier(s)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	played := make(chan error, 1)
	go func() {
		_, err := Dialer{}.Play(ctx, w.url("live/s"))
		played <- err
	}()
	select {
	case <-s.asked:
	case <-ctx.Done():
		t.Fatal("nobody asked for the stream")
	}
	cancel()
	w.ended(reason.PeerGone)
	if <-played == nil {
		t.Error("it plays")
	}
}
