package hls

import (
	"encoding/json"
	"errors"
	"net/http"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/hls"
)

// authHeader carries why a signed URL was refused.
const authHeader = "X-Tengine-Error"

const allowedMethods = "GET, HEAD, OPTIONS"

// openToAll lets pages of any origin read every answer, errors included, unless
// whoever routes here has decided who may.
func openToAll(h http.Header) {
	if _, decided := h["Access-Control-Allow-Origin"]; !decided {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Access-Control-Expose-Headers", authHeader)
}

// opens answers what is the same for all requests: preflights (Fetch standard)
// and wrong methods. It reports whether the request is left to be answered.
func opens(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	openToAll(h)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", allowedMethods)
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", allowedMethods)
		answer(w, refusal{Code: http.StatusMethodNotAllowed, Message: "method not allowed"})
	}
	return false
}

// refusal is the body of an error.
type refusal struct {
	Code    int           `json:"code"`
	Message string        `json:"message"`
	Reason  reason.Reason `json:"reason,omitempty"`
}

// refuse answers with the status that err has in HTTP, and returns its word.
// Nothing of it may be cached: what is not there now may be in a moment.
func refuse(w http.ResponseWriter, err error) reason.Reason {
	why, message := explain(err)
	if why == reason.Auth {
		w.Header().Set(authHeader, message)
	}
	if why == reason.Timeout {
		w.Header().Set("Retry-After", "1") // RFC 9110 section 10.2.3: it is on its way
	}
	answer(w, refusal{Code: status(why), Message: message, Reason: why})
	return why
}

func answer(w http.ResponseWriter, r refusal) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
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
	switch {
	case errors.As(err, &denied):
		return denied.Reason, denied.Detail
	case errors.Is(err, hls.ErrCodec):
		return reason.Codec, err.Error()
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
	case reason.Auth, reason.UnknownDomain, reason.Mode, reason.UnknownSession,
		reason.DomainOffline, reason.Prohibited, reason.Address, reason.Referer, reason.Forbidden:
		return http.StatusForbidden
	case reason.NotFound, reason.StreamEnded:
		return http.StatusNotFound
	case reason.BadName, reason.BadRequest:
		return http.StatusBadRequest
	case reason.Codec:
		return http.StatusNotAcceptable
	case reason.Unreachable, reason.Refused, reason.PrivateAddress:
		return http.StatusBadGateway
	case reason.Limit, reason.Shutdown, reason.Timeout:
		// 8216bis section 6.2.5.2 wants 503 for what did not come in time.
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
