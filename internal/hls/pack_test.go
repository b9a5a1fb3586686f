package hls_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"millrace/internal/hls"
)

func TestPlaylistsInGzip(t *testing.T) {
	inTime(t, hls.Config{}, func(t *testing.T, s *theatre) {
		address := s.enter(t, "format=ll")
		s.play(t, 4500*time.Millisecond)
		for accepts, packed := range map[string]bool{
			"": false, "br": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0, br": false, "xgzip": false,
		} {
			q := httptest.NewRequest(http.MethodGet, address+"&_HLS_msn=2&_HLS_skip=YES", nil)
			q.Header.Set("Accept-Encoding", accepts)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, q)
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != packed || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%q: %v", accepts, w.Header())
			}
			text := w.Body.String()
			if packed {
				r, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				all, err := io.ReadAll(r)
				if err != nil || len(all) < 2*len(text) {
					t.Errorf("%d bytes of %d, %v", len(text), len(all), err)
				}
				text = string(all)
			}
			if !strings.HasPrefix(text, "#EXTM3U") {
				t.Errorf("%q gets %q", accepts, text)
			}
			read(t, text).conforms(t)
		}
	})
}
