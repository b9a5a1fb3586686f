package sign

import (
	"crypto/subtle"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Fault says which check a token failed.
type Fault uint8

// The faults, in the order in which they are looked for.
const (
	Missing   Fault = iota + 1 // there is no token
	Malformed                  // not four parts
	BadHash                    // made with another key or for another path
	Expired                    // too old, or a timestamp that is not 10 digits
)

// Error is why a token was refused. Its text is the exact value of the
// X-Tengine-Error header.
type Error struct {
	Fault Fault
	// Value is the client's own hash or timestamp, made fit for a header.
	Value string
}

func (e *Error) Error() string {
	switch e.Fault {
	case Missing:
		return "denied by req auth: no url arg auth_key"
	case Expired:
		return "denied by req auth: expired timestamp=" + e.Value
	default:
		return "denied by req auth: invalid md5hash=" + e.Value
	}
}

// Verify checks a token for path, which is the path as it came, not decoded;
// a token that was made for the decoded path is as good. Any of keys may have
// made it; empty keys match nothing. The hash is looked at before the time, so
// that a forged token never learns whether its timestamp would do. The error is
// nil or an *Error.
func Verify(path, authKey string, keys []string, validity time.Duration, now time.Time) error {
	if authKey == "" {
		return &Error{Fault: Missing}
	}
	parts := strings.Split(authKey, "-")
	if len(parts) != 4 {
		return &Error{Fault: Malformed, Value: echo(parts[len(parts)-1])}
	}
	stamp, rand, uid, sum := parts[0], parts[1], parts[2], parts[3]

	match := matches(path, stamp, rand, uid, sum, keys)
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		match |= matches(decoded, stamp, rand, uid, sum, keys)
	}
	if match != 1 {
		return &Error{Fault: BadHash, Value: echo(sum)}
	}
	made, ok := timestamp(stamp)
	if !ok || !now.Before(made.Add(validity)) {
		return &Error{Fault: Expired, Value: echo(stamp)}
	}
	return nil
}

// matches returns 1 when one of keys made sum. It tries all of them, whichever
// fits, and compares in constant time.
func matches(path, stamp, rand, uid, sum string, keys []string) int {
	match := 0
	for _, key := range keys {
		if key == "" {
			continue
		}
		match |= subtle.ConstantTimeCompare([]byte(sum), []byte(hash(path, stamp, rand, uid, key)))
	}
	return match
}

// timestamp reads exactly ten decimal digits.
func timestamp(s string) (time.Time, bool) {
	if len(s) != 10 || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, false
	}
	sec, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(sec, 0), err == nil
}

// echo makes a client's text fit for a header and a log line.
func echo(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
