package srt

import (
	"errors"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// conflict is SRT_REJX_CONFLICT; the library's constant has another number.
const conflict gosrt.RejectionReason = 1409

// Faults in what encrypts a connection.
var (
	errNoPassphrase  = errors.New("the connection is not encrypted, and must be")
	errNotEncrypted  = errors.New("the connection is encrypted, and no passphrase is configured")
	errBadPassphrase = errors.New("the passphrase is wrong")
	errFull          = errors.New("too many connections")
	errOldHandshake  = errors.New("SRT before 1.3 has no streamid")
)

// errMode is of a streamid.
var errMode = refused(reason.BadRequest, "the mode must be m=publish or m=request")

// reject maps a refusal to its code and its word.
func reject(err error) (gosrt.RejectionReason, reason.Reason) {
	switch {
	case errors.Is(err, errBadPassphrase):
		return gosrt.REJ_BADSECRET, reason.Auth
	case errors.Is(err, errNoPassphrase), errors.Is(err, errNotEncrypted):
		return gosrt.REJ_UNSECURE, reason.Auth
	case errors.Is(err, errFull):
		return gosrt.REJX_OVERLOAD, reason.Limit
	case errors.Is(err, errOldHandshake):
		return gosrt.REJX_VERSION, reason.Protocol
	case errors.Is(err, errMode):
		return gosrt.REJX_BAD_MODE, reason.BadRequest
	}
	why := reasonOf(err)
	switch why {
	case reason.BadName, reason.BadRequest:
		return gosrt.REJX_BAD_REQUEST, why
	case reason.Auth:
		return gosrt.REJX_UNAUTHORIZED, why
	case reason.UnknownDomain, reason.Mode,
		reason.DomainOffline, reason.Prohibited, reason.Address, reason.Referer, reason.Forbidden:
		return gosrt.REJX_FORBIDDEN, why
	case reason.NotFound, reason.StreamEnded:
		return gosrt.REJX_NOTFOUND, why
	case reason.Taken:
		return conflict, why
	case reason.Codec:
		return gosrt.REJX_NOTSUP_MEDIA, why
	case reason.Limit:
		return gosrt.REJX_OVERLOAD, why
	case reason.Timeout, reason.Unreachable, reason.Refused, reason.PrivateAddress:
		return gosrt.REJX_GW, why
	case reason.Shutdown:
		return gosrt.REJX_DOWN, why
	}
	return gosrt.REJX_ISE, why
}

// reasonOf is the word for an error of admission or of live.
func reasonOf(err error) reason.Reason {
	var denied *catalog.Denied
	if errors.As(err, &denied) {
		return denied.Reason
	}
	return live.ReasonOf(err)
}
