package signal

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"millrace/internal/reason"
)

// Media types.
const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 section 9
	typeJSON     = "application/json"
	typeProblem  = "application/problem+json" // RFC 9457
)

// writeTimeout bounds the writing of an answer, all of which are small.
const writeTimeout = 5 * time.Second

// openToAll lets pages of any origin read every answer and the headers that
// players look at, unless whoever routes here has decided who may.
func openToAll(h http.Header) {
	if _, decided := h["Access-Control-Allow-Origin"]; !decided {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, X-Tengine-Error")
	h.Set("Cache-Control", "no-store")
}

// preflight answers OPTIONS, for CORS and for WHEP.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS, DELETE, PATCH")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// notAllowed is the refusal of a method.
func notAllowed(h http.Header, allowed string) error {
	h.Set("Allow", allowed)
	return &fault{http.StatusMethodNotAllowed, reason.BadRequest, "the methods here are " + allowed}
}

// receive reads the body, which must come before the request's time is over.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (string, error) {
	c := http.NewResponseController(w)
	limited := c.SetReadDeadline(time.Now().Add(s.config.Timeout)) == nil
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		// The deadline stays: net/http would wait for the rest of the body
		// before it sends the answer.
		w.Header().Set("Connection", "close")
		return "", err
	}
	if limited {
		_ = c.SetReadDeadline(time.Time{})
	}
	return string(b), nil
}

// send writes a whole answer. A client that does not take it loses it.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c := http.NewResponseController(w)
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err == nil {
		defer func() { _ = c.SetWriteDeadline(time.Time{}) }()
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err == nil {
		_ = c.Flush() // within the deadline; what fails here the client sees
	}
}

// prepare sets the headers of a refusal.
func (f refusal) prepare(h http.Header) {
	if f.denial != "" {
		h.Set("X-Tengine-Error", f.denial)
	}
	if f.status == http.StatusServiceUnavailable || f.reason == reason.Timeout && f.status == http.StatusGatewayTimeout {
		h.Set("Retry-After", "1")
	}
}

// problem tells a refusal as RFC 9457 has it.
func (f refusal) problem(w http.ResponseWriter) {
	f.prepare(w.Header())
	send(w, f.status, typeProblem, encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
		Trace  string `json:"trace_id"`
	}{"about:blank", http.StatusText(f.status), f.status, f.detail, string(f.reason), f.trace}))
}

// encode makes JSON of what cannot fail to be JSON.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
