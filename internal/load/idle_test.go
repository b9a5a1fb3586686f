package load

import (
	"context"
	"errors"
	"os"
	"testing"
)

// A measurement of streams ends with the first publisher that fails.
func TestIdleNeedsItsStreams(t *testing.T) {
	_, err := Idle(t.Context(), IdleOptions{Publish: []string{"rtmp://127.0.0.1:1/live/s"}, Picture: FullHD, Start: 1, PID: os.Getpid()})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
