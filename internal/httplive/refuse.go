package httplive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// authHeader carries why a signed URL was refused.
const authHeader = "X-Tengine-Error"

// openToAll lets pages of any origin read every answer, errors included, unless
// whoever routes here has decided who may.
func openToAll(h http.Header) {
	if _, decided := h["Access-Control-Allow-Origin"]; !decided {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Access-Control-Expose-Headers", authHeader)
}

// preflight answers OPTIONS (Fetch standard, CORS-preflight).
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

const allowedMethods = "GET, HEAD, OPTIONS"

// refusal is the body of an error.
type refusal struct {
	Code    int           `json:"code"`
	Message string        `json:"message"`
	Reason  reason.Reason `json:"reason,omitempty"`
	TraceID string        `json:"trace_id"`
}

// refuse answers with the status that err has in HTTP.
func refuse(w http.ResponseWriter, err error, session string) {
	why, message := explain(err)
	h := w.Header()
	if why == reason.Auth {
		h.Set(authHeader, message)
	}
	if why == reason.Timeout {
		h.Set("Retry-After", "1") // RFC 9110 section 10.2.3: it is on its way
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	answer(w, refusal{Code: status(why), Message: message, Reason: why, TraceID: session})
}

func answer(w http.ResponseWriter, r refusal) {
	body, err := json.Marshal(r)
	if err != nil {
		body = nil // a struct of an int and strings always marshals
	}
	w.WriteHeader(r.Code)
	// A client that is gone by now has no use for the answer.
	_, _ = w.Write(body)
}

// explain returns the word for err and a sentence for the client.
func explain(err error) (reason.Reason, string) {
	var denied *catalog.Denied
	if errors.As(err, &denied) {
		return denied.Reason, denied.Detail
	}
	why := live.ReasonOf(err)
	if why == reason.Internal {
		return why, "internal error"
	}
	return why, err.Error()
}

// status maps a refusal to its HTTP status.
func status(why reason.Reason) int {
	switch why {
	case reason.Auth, reason.UnknownDomain, reason.Mode,
		reason.DomainOffline, reason.Prohibited, reason.Address, reason.Referer, reason.Forbidden:
		return http.StatusForbidden
	case reason.NotFound, reason.StreamEnded:
		return http.StatusNotFound
	case reason.BadName, reason.BadRequest:
		return http.StatusBadRequest
	case reason.Codec, reason.BFrames:
		return http.StatusNotAcceptable
	case reason.Taken:
		return http.StatusConflict
	case reason.Limit, reason.Shutdown:
		return http.StatusServiceUnavailable
	case reason.Unreachable, reason.Refused, reason.PrivateAddress:
		return http.StatusBadGateway
	case reason.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// endReason is the word for the end of a viewer.
func endReason(err error) reason.Reason {
	var denied *catalog.Denied
	switch {
	case errors.As(err, &denied):
		return denied.Reason
	case errors.Is(err, errBye):
		return reason.ClosedByPeer
	case errors.Is(err, feed.ErrGone), errors.Is(err, context.Canceled):
		return reason.PeerGone
	}
	return live.ReasonOf(err)
}
