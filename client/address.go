package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// address is where to ask, and in which protocol.
type address struct {
	artc     string // the artc URL as the server is told it; "" for WHIP and WHEP
	endpoint *url.URL
}

// maxURL is the longest URL that is read, in bytes.
const maxURL = 8192

// parseAddress reads artc://, http:// and https:// URLs.
func parseAddress(raw string, https bool) (address, error) {
	if len(raw) > maxURL {
		return address{}, errors.New("the URL is too long")
	}
	u, err := url.Parse(raw)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the URL itself may hold a key
		}
		return address{}, fmt.Errorf("read URL: %w", err)
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return address{}, errors.New("the URL is not scheme://host/app/stream")
	}
	if u.User != nil {
		return address{}, errors.New("the URL names a user: a server takes a token or a signed URL")
	}
	switch u.Scheme {
	case "http", "https":
		return address{endpoint: u}, nil
	case "artc":
	default:
		return address{}, fmt.Errorf("the URL begins with %.20q, not with artc, http or https", u.Scheme)
	}
	a := address{artc: u.String(), endpoint: u}
	if u.Scheme = "http"; https || u.Port() == "443" {
		u.Scheme = "https"
	}
	return a, nil
}

// local says whether the server is on this machine by a loopback address, which
// no other interface reaches.
func (a address) local() bool {
	host := a.endpoint.Hostname()
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// resource returns the URL of a session from a Location header, which may be
// relative to base; nil where there is none to be used.
func resource(base *url.URL, location string) *url.URL {
	if location == "" || len(location) > maxURL {
		return nil
	}
	u, err := base.Parse(location)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil
	}
	if u.Scheme != "https" && (u.Scheme != "http" || base.Scheme != "http") {
		return nil // what was asked in secret is not ended in the open
	}
	return u
}
