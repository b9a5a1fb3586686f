package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrClosed is returned by calls on a Publisher or Player after its Close.
var ErrClosed = errors.New("closed")

// Errors of transports, which are worth another attempt. They are in
// Stats.Err while one is made, and wrapped in what a call returns at the end.
var (
	// ErrGoodbye says that the server ended the session.
	ErrGoodbye = errors.New("the server ended the session")
	// ErrLost says that nothing came from the server any more.
	ErrLost = errors.New("the connection to the server is lost")
	// ErrTimeout says that media could not be connected in time.
	ErrTimeout = errors.New("no media connection came about: is the server's UDP and TCP media port reachable?")
)

// StatusError is a refusal by the server.
type StatusError struct {
	// Status is that of HTTP.
	Status int
	// Reason is the server's word for it, such as "not_found", "taken",
	// "auth", "codec" or "b_frames"; "" if it names none.
	Reason string
	// Detail is a sentence; Trace is what the server's log knows the request by.
	Detail, Trace string
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("the server refuses: %d %s", e.Status, http.StatusText(e.Status))
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Permanent says that asking again is of no use.
func (e *StatusError) Permanent() bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	}
	return e.Status < 500
}

// TrackError says that a track cannot be published: this package does not know
// its codec, or the server does not take it.
type TrackError struct {
	Kind   Kind
	Codec  Codec
	Detail string
}

func (e *TrackError) Error() string {
	return fmt.Sprintf("%s track in %s: %s", e.Kind, e.Codec, e.Detail)
}

// permanent says whether err ends all attempts.
func permanent(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Permanent()
	}
	var track *TrackError
	var answer *answerError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.As(err, &track) || errors.As(err, &answer) || errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed)
}

// answerError says that a success was answered with something else than an answer.
type answerError struct{ detail string }

func (e *answerError) Error() string { return "the server's answer is not usable: " + e.detail }

// maxText bounds what of a foreign message is shown.
const maxText = 300

// refusal reads the body of a refusal: a problem (RFC 9457), ARTC's JSON or text.
func refusal(status int, body []byte) *StatusError {
	e := &StatusError{Status: status}
	var fields struct {
		Code    any `json:"code"` // a word, or the status again
		Reason  any `json:"reason"`
		Detail  any `json:"detail"`
		Message any `json:"message"`
		Trace   any `json:"trace_id"`
	}
	if json.Unmarshal(body, &fields) != nil {
		e.Detail = printable(string(body))
		return e
	}
	e.Reason, e.Detail, e.Trace = word(fields.Reason, fields.Code), word(fields.Detail, fields.Message), word(fields.Trace)
	return e
}

// word returns the first value that is text.
func word(values ...any) string {
	for _, v := range values {
		if s, ok := v.(string); ok && s != "" {
			return printable(s)
		}
	}
	return ""
}

// printable makes one short line of foreign text.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
