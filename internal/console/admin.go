package console

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Viewer is one WebRTC viewer's session, as GET /api/viewers shows it.
type Viewer struct {
	ID      string  `json:"id"`
	Stream  string  `json:"stream"`
	Peer    string  `json:"peer"`
	State   string  `json:"state"`
	Seconds float64 `json:"seconds"` // since its offer
	// RTTMillis is 0 where it is not known.
	RTTMillis float64 `json:"rtt_ms"`
	// Loss is a share, 0 to 1, of the network on the first way; Lost are the
	// packets that never came.
	Loss float64 `json:"loss"`
	Lost uint32  `json:"lost"`
	// EstimateBits is bit/s, 0 where it is not known; Measured says that it is
	// the server's own measure.
	EstimateBits       int64   `json:"estimate_bps"`
	Measured           bool    `json:"measured"`
	NetworkQueueMillis float64 `json:"network_queue_ms"`
	QueueAgeMillis     float64 `json:"queue_age_ms"`
	CaptureToSend      float64 `json:"capture_to_send_ms"`
	Packets            uint64  `json:"packets"`
	Bytes              uint64  `json:"bytes"`
	Nacked             uint64  `json:"nacked"`
	Resent             uint64  `json:"resent"`
	PLI                uint64  `json:"pli"`
	// Drops are packets that were not sent, by reason.
	Drops map[string]uint64 `json:"drops"`
}

// Viewers is GET /api/viewers.
type Viewers struct {
	At      time.Time `json:"at"`
	Total   int       `json:"total"` // of those asked for; Viewers may be fewer
	Viewers []Viewer  `json:"viewers"`
}

// AdminConfig is what the pages of the admin port are told.
type AdminConfig struct {
	// Viewers returns up to most viewers and how many there are: of a stream,
	// named as in the log, and with an id; "" for any.
	Viewers func(ctx context.Context, stream, id string, most int) ([]Viewer, int)
}

// AdminPatterns are the routes that AdminHandler answers, for http.ServeMux.
func AdminPatterns() []string {
	return []string{"GET /{$}", "GET /viewers", "GET /assets/{file}", "GET /api/viewers"}
}

const (
	// viewersWait bounds how long viewers are waited for.
	viewersWait = 2 * time.Second
	// viewersShown is how many viewers are returned unless a request says
	// otherwise, and viewersMost how many it may ask for.
	viewersShown = 200
	viewersMost  = 5000
)

// AdminHandler serves the pages of the admin port. Whoever mounts it sees to it
// that only the operator gets there. It starts nothing and may be shared.
func AdminHandler(c AdminConfig) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/viewers", http.StatusFound))
	mux.HandleFunc("GET /viewers", page("viewers.html"))
	mux.HandleFunc("GET /assets/{file}", asset)
	mux.HandleFunc("GET /api/viewers", func(w http.ResponseWriter, r *http.Request) {
		q, most := r.URL.Query(), viewersShown
		if s := q.Get("limit"); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > viewersMost {
				http.Error(w, "limit is a number from 1 to "+strconv.Itoa(viewersMost), http.StatusBadRequest)
				return
			}
			most = n
		}
		ctx, cancel := context.WithTimeout(r.Context(), viewersWait)
		defer cancel()
		list, total := c.Viewers(ctx, q.Get("stream"), q.Get("id"), most)
		if list == nil {
			list = []Viewer{}
		}
		writeJSON(w, Viewers{At: time.Now(), Total: total, Viewers: list})
	})
	return secure(mux)
}
