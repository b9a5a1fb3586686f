package links

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A stream as people write it, app/stream, with the names that nodes admit.
var streamForm = regexp.MustCompile(`\A([A-Za-z0-9_-]{1,255})/([A-Za-z0-9_-][A-Za-z0-9_.-]{0,254})\z`)

// ParseStream splits "app/stream". A leading slash is forgiven.
func ParseStream(s string) (app, stream string, err error) {
	m := streamForm.FindStringSubmatch(strings.TrimPrefix(s, "/"))
	if m == nil {
		return "", "", fmt.Errorf("%q is no stream, as in live/demo: letters, digits, - and _", s)
	}
	return m[1], m[2], nil
}

// ParsePlace makes a Place of the addresses that a node listens on. Where it
// listens on https, that is what the URLs are for; rtmps and srt are "" where
// they are off.
func ParsePlace(host, http, https, rtmp, rtmps, srt string) (Place, error) {
	p := Place{Host: host, TLS: https != ""}
	if p.TLS {
		http = https
	}
	for _, at := range []struct {
		addr string
		port *int
		off  bool
	}{{http, &p.HTTP, false}, {rtmp, &p.RTMP, false}, {rtmps, &p.RTMPS, rtmps == ""}, {srt, &p.SRT, srt == ""}} {
		if at.off {
			continue
		}
		var err error
		if *at.port, err = portOf(at.addr); err != nil {
			return Place{}, err
		}
	}
	return p, nil
}

func portOf(addr string) (int, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("read address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("read address %q: want a port number", addr)
	}
	return int(n), nil
}

// ParseTime reads a time as RFC 3339 or in UNIX seconds; "" is now.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	if sec, err := strconv.ParseInt(s, 10, 64); err == nil && sec >= 0 && sec < 1e10 {
		return time.Unix(sec, 0), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: want 2026-01-31T12:00:00Z or UNIX seconds", s)
	}
	return t, nil
}
