package openapi

import (
	"errors"
	"net/http"
	"strconv"

	"millrace/internal/catalog"
)

// Error is what a client is told of a request that failed.
type Error struct {
	Status  int // of HTTP
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func tooLarge(err error) bool {
	var large *http.MaxBytesError
	return errors.As(err, &large)
}

// invalid says that a parameter cannot be taken; why is a clause, or "".
func invalid(name, why string) *Error {
	message := "Specified parameter " + name + " is not valid."
	if why != "" {
		message = "Specified parameter " + name + " is not valid: " + why + "."
	}
	return &Error{http.StatusBadRequest, "Invalid" + name + ".Malformed", message}
}

func missing(name string) *Error {
	return &Error{http.StatusBadRequest, "Missing" + name, "Parameter " + name + " is mandatory for this action."}
}

// about says which parameter an error of the catalog is about.
func about(parameter string, err error) error {
	var bad *catalog.Invalid
	if errors.As(err, &bad) {
		return invalid(parameter, bad.Error())
	}
	return err
}

// coded gives an error of the catalog a code other than the usual one.
func coded(err, kind error, code string) error {
	if errors.Is(err, kind) {
		return &Error{usual(kind).Status, code, sentence(err)}
	}
	return err
}

// usual is what the errors of the catalog are in the words of the API; nil for
// what is no fault of the client.
func usual(err error) *Error {
	for _, k := range []struct {
		kind   error
		status int
		code   string
	}{
		{catalog.ErrNotFound, http.StatusNotFound, "InvalidDomain.NotFound"},
		{catalog.ErrExists, http.StatusBadRequest, "ConfigAlreadyExists"},
		{catalog.ErrQuota, http.StatusBadRequest, "QuotaExceeded"},
		{catalog.ErrInUse, http.StatusBadRequest, "ResourceInUse"},
		{catalog.ErrConflict, http.StatusConflict, "Conflict"},
	} {
		if errors.Is(err, k.kind) {
			return &Error{k.status, k.code, sentence(err)}
		}
	}
	return nil
}

// explain is what a client is told of any error.
func explain(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var bad *catalog.Invalid
	if errors.As(err, &bad) {
		return &Error{http.StatusBadRequest, "InvalidParameter", sentence(bad)}
	}
	if e := usual(err); e != nil {
		return e
	}
	if errors.Is(err, catalog.ErrStore) {
		return &Error{http.StatusServiceUnavailable, "ServiceUnavailable", "The catalog cannot be written now, perhaps for want of room on the disk. The change may yet have been made."}
	}
	return &Error{http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."}
}

// sentence makes an error the text of a message.
func sentence(err error) string {
	s := []byte(err.Error())
	if len(s) > 0 && 'a' <= s[0] && s[0] <= 'z' {
		s[0] -= 'a' - 'A'
	}
	return string(s) + "."
}

// quote shows a client's text back to it in printable ASCII and not at length.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
