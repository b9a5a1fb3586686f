package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// segments is a playlist of n segments from the one with the number first on.
func segments(first, n int, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	for i := range n {
		fmt.Fprintf(&b, "#EXTINF:4,\n%d.ts\n", first+i)
	}
	return b.String() + more
}

// answers are a server's, one after the other; the last one again and again.
type answers []string

func (a *answers) RoundTrip(q *http.Request) (*http.Response, error) {
	body := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	return &http.Response{StatusCode: http.StatusOK, Request: q, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// TestHolding wants playlists held back until they have what the library takes next,
// asked for again every half target duration, and all others to pass.
func TestHolding(t *testing.T) {
	hint := "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p.mp4\"\n"
	blocks := "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1\n"
	for name, c := range map[string]struct {
		answers answers
		took    []time.Duration // by each request, the last of which is the last answer's
		path    string
	}{
		"a segment, then another one": {answers{segments(0, 1, ""), segments(0, 1, ""), segments(0, 2, "")}, []time.Duration{4 * time.Second}, "/s.m3u8"},
		"then one by one": {
			answers{segments(7, 3, ""), segments(7, 3, ""), segments(7, 3, ""), segments(8, 3, ""), segments(9, 3, "")},
			[]time.Duration{0, 0, 2 * time.Second, 0}, "/s.m3u8",
		},
		"two at a time":    {answers{segments(7, 3, ""), segments(7, 3, ""), segments(9, 3, "")}, []time.Duration{0, 0, 0, 0}, "/s.m3u8"},
		"the end":          {answers{segments(7, 3, ""), segments(7, 3, ""), segments(7, 3, "#EXT-X-ENDLIST\n")}, []time.Duration{0, 0, 0}, "/s.m3u8"},
		"from the start":   {answers{segments(70, 3, ""), segments(0, 3, "")}, []time.Duration{0, 0}, "/s.m3u8"},
		"low latency":      {answers{segments(7, 1, blocks+hint)}, []time.Duration{0, 0}, "/s.m3u8"},
		"half of it":       {answers{segments(7, 3, hint), segments(7, 3, hint), segments(7, 3, hint), segments(8, 3, hint)}, []time.Duration{0, 0, 2 * time.Second}, "/s.m3u8"},
		"it stands still":  {answers{segments(7, 3, "")}, []time.Duration{0, 0, 12 * time.Second}, "/s.m3u8"},
		"no playlist":      {answers{"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x"}, []time.Duration{0, 0}, "/s.m3u8"},
		"not even by name": {answers{segments(0, 1, "")}, []time.Duration{0, 0}, "/s.ts"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				last := c.answers[len(c.answers)-1]
				h := &holding{RoundTripper: &c.answers, next: map[string]int{}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var body string
				for i, want := range c.took {
					q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://o"+c.path, http.NoBody)
					if err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					res, err := h.RoundTrip(q)
					if err != nil {
						t.Fatal(err)
					}
					b, err := io.ReadAll(res.Body)
					if err != nil {
						t.Fatal(err)
					}
					if got := time.Since(began); got != want {
						t.Errorf("request %d took %v, want %v", i, got, want)
					}
					body = string(b)
				}
				if body != last {
					t.Errorf("got\n%s\nwant\n%s", body, last)
				}
			})
		})
	}
}

// TestHoldingEnds has nobody want the playlist any more.
func TestHoldingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		h := &holding{RoundTripper: &answers{segments(0, 1, "")}, next: map[string]int{}}
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://o/s.m3u8", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.RoundTrip(q); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestHoldingElsewhere has a server that sends each request on to a place of its own.
func TestHoldingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := answers{segments(7, 2, ""), segments(7, 2, ""), segments(7, 2, ""), segments(8, 2, "")}
		places := 0
		h := &holding{next: map[string]int{}, RoundTripper: roundTrip(func(q *http.Request) (*http.Response, error) {
			if q.URL.RawQuery == fmt.Sprintf("token=%d", places) && q.Response != nil {
				return lists.RoundTrip(q)
			}
			places++
			at := http.Header{"Location": {fmt.Sprintf("/s.m3u8?token=%d", places)}}
			return &http.Response{StatusCode: http.StatusFound, Request: q, Header: at, Body: http.NoBody}, nil
		})}
		client := &http.Client{Transport: h}
		url := "http://o/s.m3u8"
		for i, want := range []time.Duration{0, 0, 2 * time.Second} {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			res, err := client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if got := time.Since(began); got != want {
				t.Errorf("request %d took %v, want %v", i, got, want)
			}
			url = res.Request.URL.String() // what the library asks next
		}
		if places != 3 || len(h.next) != 1 {
			t.Errorf("%d places, known are %v", places, h.next)
		}
	})
}

type roundTrip func(q *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }
