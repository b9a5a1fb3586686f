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
	// leastPatience is how long a playlist may at least stand still. Those of long
	// segments have three of them.
	leastPatience = 10 * time.Second
)

// holding keeps back the answers to requests for live playlists until they have the
// segment that the library needs next, which it takes for the end of the stream
// otherwise; and no longer than patience: one of sound may stand still while pictures
// come. Playlists of Low-Latency HLS are held back by their servers.
type holding struct {
	http.RoundTripper
	mu sync.Mutex
	// next is the Media Sequence Number of the segment, by the URL that had the
	// playlist last: what the library asks next.
	next map[string]int
}

// RoundTrip implements http.RoundTripper.
func (h *holding) RoundTrip(q *http.Request) (*http.Response, error) {
	for began := time.Now(); ; {
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
		wait, patience := h.due(q, body)
		if wait == 0 || time.Since(began) >= patience {
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

// asked is the URL that the library asked for: q may be what that led to.
func asked(q *http.Request) string {
	for q.Response != nil && q.Response.Request != nil {
		q = q.Response.Request
	}
	return q.URL.String()
}

// parts says whether the library plays a live playlist part by part.
func parts(p *playlist.Media) bool {
	return p.PreloadHint != nil && p.ServerControl != nil && p.ServerControl.CanBlockReload
}

// due returns how long to wait before a playlist is asked for again, half a target
// duration (RFC 8216 section 6.3.4), or 0 where the library is to have it; and how
// long that may go on.
func (h *holding) due(q *http.Request, body []byte) (wait, patience time.Duration) {
	parsed, err := playlist.Unmarshal(body)
	if err != nil {
		return 0, 0 // the library says what is wrong with it
	}
	p, ok := parsed.(*playlist.Media)
	if !ok || p.Endlist || parts(p) {
		return 0, 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	end := p.MediaSequence + len(p.Segments)
	from, url := asked(q), q.URL.String()
	next, followed := h.next[url]
	if !followed && from != url {
		if next, followed = h.next[from]; followed { // it goes on at another place
			delete(h.next, from)
			h.next[url] = next
		}
	}
	switch {
	case !followed:
		next = max(p.MediaSequence, end-startDistance)
		if len(p.Segments) >= startDistance {
			if len(h.next) < maxPlaylists {
				h.next[url] = next + 1
			}
			return 0, 0
		}
	case end > next, end+len(p.Segments) < next: // which begins anew: the library ends
		h.next[url] = next + 1
		return 0, 0
	}
	target := time.Duration(p.TargetDuration) * time.Second
	return min(max(target/2, leastPoll), mostPoll), max(3*target, leastPatience)
}
