package signal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/signal"
)

// unbegun is the admission of a stream that takes too long to begin.
type unbegun struct{ admission }

func (*unbegun) Play(ctx context.Context, _ catalog.Request, _ string) (*live.Reader, catalog.Mode, error) {
	<-ctx.Done()
	if err := context.Cause(ctx); err != context.DeadlineExceeded { //nolint:errorlint // as Subscribe
		return nil, "", err
	}
	return nil, "", live.ErrLate
}

// TestWaits wants viewers by WHEP to wait as long as an origin may take, and those of
// the official players as long as these do; where places run short, all the same.
func TestWaits(t *testing.T) {
	offer := file(t, "whep-n-M.sdp")
	for name, c := range map[string]struct {
		path, body, kind string
		places           int
		waits            time.Duration
		status           int
		says             string
	}{
		"WHEP":             {"/whep/live/s", offer, "application/sdp", 2, live.StartWait, http.StatusGatewayTimeout, "the stream did not start in time"},
		"WHEP in a crowd":  {"/whep/live/s", offer, "application/sdp", 1, 4500 * time.Millisecond, http.StatusServiceUnavailable, "too many requests"},
		"ARTC":             {"/live/s", artcBody(t, artcURL("s"), "", "", offer), "application/json", 2, 4500 * time.Millisecond, http.StatusGatewayTimeout, "the stream did not start in time"},
		"ARTC, in a crowd": {"/live/s", artcBody(t, artcURL("s"), "", "", offer), "application/json", 1, 4500 * time.Millisecond, http.StatusGatewayTimeout, "the stream did not start in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := signal.New(signal.Config{MaxPending: c.places}, &unbegun{}, &peers{}, nil, signal.NewMetrics(prometheus.NewRegistry()))
				q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, strings.NewReader(c.body))
				q.Header.Set("Content-Type", c.kind)
				w := httptest.NewRecorder()
				began := time.Now()
				if c.kind == "application/sdp" {
					s.ServeWHEP(w, q)
				} else {
					s.ServeARTC(w, q)
				}
				if took := time.Since(began); took != c.waits {
					t.Errorf("it took %v, want %v", took, c.waits)
				}
				if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("Retry-After") != "1" {
					t.Errorf("status %d, %s, %v", w.Code, w.Body, w.Header())
				}
			})
		})
	}
}
