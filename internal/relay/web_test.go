package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"millrace/internal/reason"
)

// serving is an HTTP server at an address of loopback.
func serving(t *testing.T, host string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = ln
	t.Cleanup(s.Close)
	return s
}

// TestWebReachesNoPrivateAddress has a server that may be reached lead on to one that
// may not: by a redirect, and by a playlist.
func TestWebReachesNoPrivateAddress(t *testing.T) {
	private := serving(t, "127.0.0.2", func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	private.Start()
	public := serving(t, "127.0.0.1", func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/s.flv", "/moved.m3u8":
			http.Redirect(w, q, private.URL+q.URL.Path, http.StatusFound)
		case "/s.m3u8":
			fmt.Fprint(w, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n")
			for i := range 4 {
				fmt.Fprintf(w, "#EXTINF:2,\n%s/%d.ts\n", private.URL, i)
			}
		case "/master.m3u8":
			fmt.Fprintf(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"avc1.42c01e\"\n%s/s.m3u8\n", private.URL)
		}
	})
	public.Start()
	w := NewWeb(NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}))
	defer w.Close()
	for _, path := range []string{"/s.flv", "/moved.m3u8", "/s.m3u8", "/master.m3u8"} {
		o, err := w.Play(t.Context(), public.URL+path)
		if err == nil {
			o.Close()
		}
		if reasonOf(err) != reason.PrivateAddress {
			t.Errorf("%s: %v (%s)", path, err, reasonOf(err))
		}
	}
}

// TestWebTrustsNobody wants servers whose certificates nobody has signed refused.
func TestWebTrustsNobody(t *testing.T) {
	s := serving(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	w := NewWeb(NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}))
	defer w.Close()
	for _, path := range []string{"/s.flv", "/s.m3u8"} {
		if _, err := w.Play(t.Context(), s.URL+path); reasonOf(err) != reason.HandshakeFailed {
			t.Errorf("%s: %v (%s)", path, err, reasonOf(err))
		}
	}
}

// TestWebGivesUp has a server that takes requests and answers none.
func TestWebGivesUp(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := serving(t, "127.0.0.1", func(_ http.ResponseWriter, q *http.Request) {
		asked <- struct{}{}
		<-q.Context().Done()
	})
	s.Start()
	w := NewWeb(NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}))
	defer w.Close()
	for _, path := range []string{"/s.flv", "/s.m3u8"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := w.Play(ctx, s.URL+path)
			done <- err
		}()
		<-asked
		cancel(errLate)
		select {
		case err := <-done:
			if !errors.Is(err, errLate) && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it hangs", path)
		}
	}
}
