package catalog

import "errors"

// Errors of changes, besides those of a Store and *Invalid.
var (
	ErrExists = errors.New("exists already")
	ErrQuota  = errors.New("quota exceeded")
	ErrInUse  = errors.New("in use")
	// ErrStore says that the store has failed. The change may yet have been made, or
	// be made when the store opens again.
	ErrStore = errors.New("the store has failed")
)

// Invalid is a value that the catalog does not take.
type Invalid struct {
	// Field is what holds it: "name", "auth_key1", or a path of those as in
	// "domain play.test: aliauth: auth_key1".
	Field string
	// Why is a clause: "is missing".
	Why string
}

func (e *Invalid) Error() string {
	if e.Field == "" {
		return e.Why
	}
	return e.Field + " " + e.Why
}

// under returns e as seen from what holds its field.
func (e *Invalid) under(name string) *Invalid {
	if e.Field == "" {
		return &Invalid{name, e.Why}
	}
	return &Invalid{name + ": " + e.Field, e.Why}
}
