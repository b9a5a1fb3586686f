package relay

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// startDistance is how many segments from the end of a live playlist a pull begins,
// where there are as many: the first is given away while the second is there, so
// that nothing runs dry between segments, and an origin that has begun to make them
// just now is waited for no longer than that takes.
const startDistance = 2

const (
	maxPlaylist  = 1 << 20 // bytes
	maxPlaylists = 16      // that are followed; a stream has one, or one of a kind
	leastPoll    = 200 * time.Millisecond
	mostPoll     = 5 * time.Second
)

// holding keeps back the answers to requests for live playlists until they have the
// segment that the library needs next, which it takes for the end of the stream
// otherwise. It may wait for as long as the request lives: whoever reads frames ends
// that. Playlists of Low-Latency HLS are held back by their servers.
type holding struct {
	http.RoundTripper
	mu   sync.Mutex
	next map[string]int // per URL, the Media Sequence Number of the segment
}

// RoundTrip implements http.RoundTripper.
func (h *holding) RoundTrip(q *http.Request) (*http.Response, error) {
	for {
		res, err := h.RoundTripper.RoundTrip(q)
		if err != nil || res.StatusCode != http.StatusOK || !isPlaylist(res) {
			return res, err
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, maxPlaylist+1))
		_ = res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read playlist: %w", err)
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
		wait := h.due(q.URL.String(), body)
		if wait == 0 {
			return res, nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-q.Context().Done():
			t.Stop()
			return nil, q.Context().Err()
		}
	}
}

// isPlaylist is what RFC 8216 section 4 has for one.
func isPlaylist(res *http.Response) bool {
	return strings.Contains(strings.ToLower(res.Header.Get("Content-Type")), "mpegurl") || strings.HasPrefix(path.Ext(res.Request.URL.Path), ".m3u")
}

// due returns how long to wait before a playlist is asked for again, half a target
// duration (RFC 8216 section 6.3.4), or 0 where the library is to have it.
func (h *holding) due(url string, body []byte) time.Duration {
	parsed, err := playlist.Unmarshal(body)
	if err != nil {
		return 0 // the library says what is wrong with it
	}
	p, ok := parsed.(*playlist.Media)
	if !ok || p.Endlist || p.PreloadHint != nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	end := p.MediaSequence + len(p.Segments)
	next, followed := h.next[url]
	switch {
	case !followed:
		next = max(p.MediaSequence, end-startDistance)
		if len(p.Segments) >= startDistance {
			if len(h.next) < maxPlaylists {
				h.next[url] = next + 1
			}
			return 0
		}
	case end > next, end+len(p.Segments) < next: // which begins anew: the library ends
		h.next[url] = next + 1
		return 0
	}
	return min(max(time.Duration(p.TargetDuration)*time.Second/2, leastPoll), mostPoll)
}
