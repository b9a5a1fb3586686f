package signal_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
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

// slow is the admission of a stream that begins after a while.
type slow struct {
	admission
	after time.Duration
}

func (a *slow) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	<-time.After(a.after)
	return a.admission.Play(ctx, q, variant)
}

// Viewers that have waited for their stream go on together, so that whether there
// is room is asked once more.
func TestReadyAgain(t *testing.T) {
	offer := file(t, "whep-n-M.sdp")
	for after, want := range map[time.Duration]int{0: http.StatusCreated, 3 * time.Second: http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			hub := live.NewHub(live.Options{})
			defer hub.Close()
			p, err := hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: "s"}, "test", "")
			if err != nil {
				t.Fatal(err)
			}
			p.Announce(h264, opus)
			asked, at := 0, &peers{sessions: map[string]func(reason.Reason){}}
			ready := func(context.Context) error {
				if asked++; asked > 1 {
					return errors.New("all processors are at work")
				}
				return nil
			}
			adm := &slow{admission{hub: hub, mode: catalog.SubSecond}, after}
			s := signal.New(signal.Config{Ready: ready}, adm, at, nil, signal.NewMetrics(prometheus.NewRegistry()))
			q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/whep/live/s?auth_key="+goodKey, strings.NewReader(offer))
			q.Header.Set("Content-Type", "application/sdp")
			w := httptest.NewRecorder()
			s.ServeWHEP(w, q)
			if w.Code != want || (w.Code == http.StatusCreated) != (len(at.sessions) == 1) {
				t.Errorf("after %v: status %d, %s", after, w.Code, w.Body)
			}
			for id := range at.sessions {
				at.Close(id, reason.Shutdown)
			}
			for _, st := range hub.Stats() {
				if st.Readers != 0 {
					t.Errorf("after %v: %d readers are left", after, st.Readers)
				}
			}
		})
	}
}
