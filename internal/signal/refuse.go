package signal

import (
	"errors"
	"io"
	"net/http"
	"os"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// refusal is what a client is told instead of an answer.
type refusal struct {
	status int
	reason reason.Reason
	detail string // a sentence
	trace  string
	denial string // value of X-Tengine-Error, "" for none
}

// statuses are the HTTP statuses of the reasons; others are faults of ours.
var statuses = map[reason.Reason]int{ //nolint:gochecknoglobals // a table
	reason.Auth:          http.StatusForbidden,
	reason.UnknownDomain: http.StatusForbidden,
	reason.Mode:          http.StatusForbidden,
	reason.DomainOffline: http.StatusForbidden,
	reason.Prohibited:    http.StatusForbidden,
	reason.Address:       http.StatusForbidden,
	reason.Referer:       http.StatusForbidden,
	reason.Forbidden:     http.StatusForbidden,
	reason.NotFound:      http.StatusNotFound,
	reason.StreamEnded:   http.StatusNotFound,
	reason.Kicked:        http.StatusNotFound,
	reason.Replaced:      http.StatusNotFound,
	reason.BadName:       http.StatusBadRequest,
	reason.BadRequest:    http.StatusBadRequest,
	reason.Codec:         http.StatusNotAcceptable,
	reason.BFrames:       http.StatusNotAcceptable,
	reason.Taken:         http.StatusConflict,
	reason.Limit:         http.StatusServiceUnavailable,
	reason.Overload:      http.StatusServiceUnavailable,
	reason.Shutdown:      http.StatusServiceUnavailable,
	reason.Timeout:       http.StatusGatewayTimeout,
	reason.ClosedByPeer:  http.StatusGatewayTimeout, // nobody is left to read it

	// Of an origin.
	reason.Unreachable:    http.StatusBadGateway,
	reason.Refused:        http.StatusBadGateway,
	reason.PrivateAddress: http.StatusBadGateway,
}

// fault is a refusal that the request itself earned, whatever it asks for.
type fault struct {
	status int
	reason reason.Reason
	detail string
}

func (f *fault) Error() string { return string(f.reason) + ": " + f.detail }

func badRequest(detail string) error {
	return &fault{http.StatusBadRequest, reason.BadRequest, detail}
}

// explain translates an error into HTTP. It is the only place that does.
func explain(err error) refusal {
	var (
		bad      *fault
		denied   *catalog.Denied
		mismatch *sdp.Mismatch
		large    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &bad):
		return refusal{status: bad.status, reason: bad.reason, detail: bad.detail}
	case errors.As(err, &mismatch):
		return byReason(mismatch.Reason, mismatch.Detail)
	case errors.As(err, &denied):
		f := byReason(denied.Reason, denied.Detail)
		if denied.Reason == reason.Auth {
			f.denial = denied.Detail
		}
		return f
	case errors.As(err, &large):
		return refusal{status: http.StatusRequestEntityTooLarge, reason: reason.Limit, detail: "the body has more than 65536 bytes"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal{status: http.StatusRequestTimeout, reason: reason.Timeout, detail: "the body did not come in time"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refusal{status: http.StatusBadRequest, reason: reason.ClosedByPeer, detail: "the body ended early"}
	}
	why := live.ReasonOf(err)
	return byReason(why, details[why])
}

// details are the sentences for errors that bring none fit for strangers.
var details = map[reason.Reason]string{ //nolint:gochecknoglobals // a table
	reason.NotFound:     "nobody publishes this stream",
	reason.StreamEnded:  "the stream has ended",
	reason.Kicked:       "the stream was ended by the operator",
	reason.Replaced:     "the stream was replaced",
	reason.Taken:        "the stream has a publisher already",
	reason.Shutdown:     "this server is shutting down",
	reason.Timeout:      "the stream did not start in time",
	reason.ClosedByPeer: "the request was given up",
}

func byReason(why reason.Reason, detail string) refusal {
	status, ok := statuses[why]
	if !ok {
		return refusal{status: http.StatusInternalServerError, reason: why, detail: "internal error"}
	}
	return refusal{status: status, reason: why, detail: detail}
}
