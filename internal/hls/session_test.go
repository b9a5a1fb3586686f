package hls_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/hls"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// theatre is a stage without sockets, for times that synctest makes pass.
type theatre struct {
	*stage
	handler http.Handler
	rest    []*media.Frame
	pub     *live.Publisher
}

// inTime runs a test in a bubble, with a stream whose first half second is there.
// The frames were made before: ffmpeg has no place in it.
func inTime(t *testing.T, c hls.Config, test func(t *testing.T, s *theatre)) {
	all := frames(t)
	synctest.Test(t, func(t *testing.T) {
		s := &theatre{stage: &stage{hub: newHub(time.Second), metrics: prometheus.NewRegistry()}, rest: all}
		s.server = hls.New(c, admission(func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
			r, err := s.hub.Subscribe(ctx, live.Name{Domain: demo.Domain, App: q.App, Stream: q.Stream, Variant: variant})
			return r, catalog.SubSecond, err
		}), nil, hls.NewMetrics(s.metrics))
		s.handler = mux(s.server)
		defer s.hub.Close()
		defer s.server.Close()
		video, audio := tracks(all)
		s.pub = s.publish(t, video, audio)
		s.play(t, 500*time.Millisecond)
		test(t, s)
	})
}

func (s *theatre) play(t *testing.T, until time.Duration) {
	t.Helper()
	head, tail := before(s.rest, until)
	write(t, s.pub, head...)
	s.rest = tail
	synctest.Wait()
}

func (s *theatre) ask(address string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

// enter begins a session and returns the address of its playlist.
func (s *theatre) enter(t *testing.T, query string) string {
	t.Helper()
	w := s.ask("/live/demo.m3u8?" + query)
	m := regexp.MustCompile(`(?m)^demo/.*$`).FindString(w.Body.String())
	if w.Code != http.StatusOK || m == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return "/live/" + m
}

func (s *theatre) expect(t *testing.T, viewers, packagers float64) {
	t.Helper()
	synctest.Wait()
	if v, p := s.count(t, "millrace_hls_viewers", nil), s.count(t, "millrace_hls_packagers", nil); v != viewers || p != packagers {
		t.Errorf("%v viewers and %v packagers, want %v and %v", v, p, viewers, packagers)
	}
}

func refused(t *testing.T, w *httptest.ResponseRecorder, status int, why reason.Reason) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), `"reason":"`+string(why)+`"`) {
		t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, why)
	}
}

func TestSessionsEndInSilence(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		s.expect(t, 0, 0)
		stays, leaves := s.enter(t, "format=ts"), s.enter(t, "format=ts")
		s.enter(t, "format=ts") // and never asks for its playlist
		s.play(t, 5*time.Second)
		s.ask(leaves)
		s.expect(t, 3, 1)
		for at := range 6 {
			if w := s.ask(stays); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			<-time.After(5 * time.Second)
			left := []float64{3, 2, 2, 1, 1, 1}[at]
			s.expect(t, left, 1)
		}
		refused(t, s.ask(leaves), http.StatusForbidden, reason.UnknownSession)
		<-time.After(20 * time.Second)
		s.expect(t, 0, 0)
		refused(t, s.ask(stays), http.StatusForbidden, reason.UnknownSession)
		if n := s.count(t, "millrace_hls_closes_total", map[string]string{"proto": "hls", "reason": "idle_timeout"}); n != 3 {
			t.Errorf("%v sessions were closed as idle", n)
		}
		for _, stat := range s.hub.Stats() {
			if stat.Readers != 0 {
				t.Errorf("%s has %d readers", stat.Name, stat.Readers)
			}
		}
	})
}

func TestWhatDoesNotComeInTime(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		address := s.enter(t, "format=ll")
		began := time.Now()
		refused(t, s.ask(address), http.StatusServiceUnavailable, reason.Timeout) // no first segment
		if d := time.Since(began); d != 20*time.Second {
			t.Errorf("it waited %s", d)
		}
		s.play(t, 2500*time.Millisecond)
		l := read(t, s.ask(address).Body.String())
		began = time.Now()
		refused(t, s.ask(address+"&_HLS_msn=3"), http.StatusServiceUnavailable, reason.Timeout)
		refused(t, s.ask("/live/demo/"+l.hint), http.StatusServiceUnavailable, reason.Timeout)
		if d := time.Since(began); d != 12*time.Second {
			t.Errorf("they waited %s", d)
		}
	})
}

// TestFirstPlaylistIsFresh: what a player measures its distance from is new, if
// the stream goes on.
func TestFirstPlaylistIsFresh(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		first := s.enter(t, "format=ll")
		s.play(t, 2500*time.Millisecond)
		msn, part := read(t, s.ask(first).Body.String()).lastPlace()
		address := s.enter(t, "format=ll")
		got := make(chan *httptest.ResponseRecorder)
		go func() { got <- s.ask(address) }()
		s.play(t, 2900*time.Millisecond)
		if m, p := read(t, (<-got).Body.String()).lastPlace(); m != msn || p <= part {
			t.Errorf("the first playlist ends at %d.%d, that before at %d.%d", m, p, msn, part)
		}
		for _, c := range []struct {
			query    string
			at       string
			min, max time.Duration
		}{{"format=ll", "", 200 * time.Millisecond, 350 * time.Millisecond}, {"format=ll", "&_HLS_msn=2&_HLS_part=0", 0, 0}, {"format=fmp4", "", 0, 0}} {
			began := time.Now()
			if w := s.ask(s.enter(t, c.query) + c.at); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if d := time.Since(began); d < c.min || d > c.max {
				t.Errorf("of a stream that stands still, %s%s waits %s", c.query, c.at, d)
			}
		}
	})
}

// TestPartsPastTheEnd: who asks for a part that a segment ended without waits for
// the first one of the next (8216bis section 6.2.5.2), and a segment's end is seen
// with its last part.
func TestPartsPastTheEnd(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		address := s.enter(t, "format=ll")
		s.play(t, 2100*time.Millisecond) // the second segment has just begun
		l := read(t, s.ask(address+"&_HLS_msn=1").Body.String())
		msn, part := l.lastPlace()
		if msn != 1 {
			t.Fatalf("it is at %d.%d", msn, part)
		}
		got := make(chan *httptest.ResponseRecorder)
		go func() { got <- s.ask(fmt.Sprintf("%s&_HLS_msn=1&_HLS_part=%d", address, part+1)) }()
		go func() { got <- s.ask("/live/demo/" + l.hint) }()
		synctest.Wait()
		select {
		case w := <-got:
			t.Fatalf("it is answered before there is more: %s", w.Body)
		default:
		}
		s.play(t, 2600*time.Millisecond)
		for range 2 {
			w := <-got
			if w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if !strings.HasPrefix(w.Body.String(), "#EXTM3U") {
				continue
			}
			if m, p := read(t, w.Body.String()).lastPlace(); m != 2 {
				t.Errorf("it is at %d.%d", m, p)
			}
		}
	})
}

// TestSlowSources: a stream that is fetched from afar takes a while to begin. The
// first viewer waits for it, and is told when to ask again if that takes too long.
func TestSlowSources(t *testing.T) {
	for _, c := range []struct {
		takes  time.Duration
		status int
	}{{12 * time.Second, http.StatusOK}, {time.Minute, http.StatusServiceUnavailable}} {
		inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
			pub, err := s.hub.Publish(live.Name{Domain: demo.Domain, App: "live", Stream: "far"}, "test", "")
			if err != nil {
				t.Fatal(err)
			}
			defer pub.Close(reason.ClosedByPeer)
			head, tail := before(s.rest, 4*time.Second)
			begins := time.AfterFunc(c.takes, func() {
				pub.Announce(tracks(head))
				write(t, pub, head[0])
			})
			defer begins.Stop()
			began := time.Now()
			w := s.ask("/live/far.m3u8?format=ll")
			if took := time.Since(began); w.Code != c.status || took > 15*time.Second {
				t.Errorf("%d %s after %s, want %d", w.Code, w.Body, took, c.status)
			}
			if w.Code != http.StatusOK {
				refused(t, w, c.status, reason.Timeout)
				if w.Header().Get("Retry-After") != "1" {
					t.Errorf("%v", w.Header())
				}
				return
			}
			write(t, pub, append(head[1:], tail...)...)
			list := "/live/" + regexp.MustCompile(`(?m)^far/.*$`).FindString(w.Body.String())
			if w := s.ask(list); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "#EXTINF") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// TestStreamEnds leaves the last playlist to be read, with all that it lists.
func TestStreamEnds(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		address := s.enter(t, "format=ll")
		s.play(t, 3*time.Second)
		l := read(t, s.ask(address).Body.String())
		s.pub.Close(reason.ClosedByPeer)
		w := s.ask(address + "&_HLS_msn=3") // waits until the stream has ended for good
		end := read(t, w.Body.String())
		if !end.ended || end.hint != "" || len(end.segments) != 2 {
			t.Errorf("%d\n%s", w.Code, end.text)
		}
		end.conforms(t)
		if w := s.ask("/live/demo/" + end.segments[1].uri); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("the last segment: %d", w.Code)
		}
		if w := s.ask("/live/demo/" + l.hint); w.Code != http.StatusOK {
			t.Errorf("the last part: %d", w.Code)
		}
		refused(t, s.ask("/live/demo.m3u8"), http.StatusNotFound, reason.NotFound)
		<-time.After(25 * time.Second)
		s.expect(t, 0, 0)
		if n := s.count(t, "millrace_hls_closes_total", map[string]string{"proto": "ll-hls", "reason": "stream_ended"}); n != 1 {
			t.Errorf("%v sessions were closed with their stream", n)
		}
	})
}

func TestLimits(t *testing.T) {
	inTime(t, hls.Config{MaxSessions: 2, MaxPackagers: 1, MaxWaiting: 1}, func(t *testing.T, s *theatre) {
		address := s.enter(t, "format=ts")
		refused(t, s.ask("/live/demo.m3u8?format=fmp4"), http.StatusServiceUnavailable, reason.Limit) // another packager
		s.enter(t, "format=ts")
		refused(t, s.ask("/live/demo.m3u8?format=ts"), http.StatusServiceUnavailable, reason.Limit) // a third session
		first := make(chan *httptest.ResponseRecorder)
		go func() { first <- s.ask(address) }()
		synctest.Wait()
		refused(t, s.ask(address), http.StatusServiceUnavailable, reason.Limit) // a second one that waits
		s.expect(t, 2, 1)
		s.server.Close()
		refused(t, <-first, http.StatusServiceUnavailable, reason.Shutdown)
		refused(t, s.ask("/live/demo.m3u8"), http.StatusServiceUnavailable, reason.Shutdown)
		s.expect(t, 0, 0)
	})
}

// TestMemoryIsBounded packages a minute, of which the playlist's segments and
// those before are kept, and no more bytes than agreed.
func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		config hls.Config
		listed int
	}{{hls.Config{Listed: 5}, 5}, {hls.Config{MaxBytes: 1}, 4}} {
		inTime(t, c.config, func(t *testing.T, s *theatre) {
			address := s.enter(t, "format=ts")
			all := s.rest
			first := ""
			for round := range 6 {
				s.rest = nil
				for _, f := range all {
					g := *f
					g.DTS += media.Time(round) * media.Time(10*time.Second)
					g.PTS += media.Time(round) * media.Time(10*time.Second)
					s.rest = append(s.rest, &g)
				}
				s.play(t, time.Hour)
				<-time.After(5 * time.Second)
				l := read(t, s.ask(address).Body.String())
				if round == 0 {
					first = l.segments[0].uri
				}
				if round > 1 && len(l.segments) != c.listed {
					t.Errorf("%d segments are listed\n%s", len(l.segments), l.text)
				}
			}
			refused(t, s.ask("/live/demo/"+first), http.StatusNotFound, reason.NotFound)
		})
	}
}
