package callback

import (
	"context"
	"crypto/md5" //nolint:gosec // the format prescribes it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// deliver tries one callback until it is taken, or too often. It leaves it as it
// is when ctx ends.
func (r *Room) deliver(ctx context.Context, id uint64) {
	for {
		var d Delivery
		r.queue.Change(id, func(v *Delivery) { d = *v })
		if d.Result != "" || d.Event == "" {
			return
		}
		err := r.sender.send(ctx, d, r.keyOf(d.Domain), r.config.Now())
		if ctx.Err() != nil {
			return
		}
		r.queue.Change(id, func(v *Delivery) {
			v.Tries++
			v.Tried, v.Answer = r.config.Now().UTC(), "200"
			switch {
			case err == nil:
				v.Result = Success
			default:
				v.Answer = err.Error()
				if v.Tries >= attempts || errors.Is(err, errPrivate) {
					v.Result = Failed
				}
			}
			d = *v
		})
		if d.Result == Failed {
			r.config.Log.Warn("callback failed", "domain", d.Domain, "event", d.Event, "tries", d.Tries, "err", err)
		}
		if d.Result != "" {
			if d.Event == "publish_done" {
				r.unmark(d.Mark)
			}
			return
		}
		t := time.NewTimer(retryAfter)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// keyOf is what a domain's callbacks are signed with now, or "".
func (r *Room) keyOf(domain string) string {
	if d := r.config.Snapshot().Domain(domain); d != nil && d.Callbacks != nil {
		return d.Callbacks.Key
	}
	return ""
}

// sender makes the requests.
type sender struct{ client *http.Client }

// errPrivate says that a callback would go where the operator allows none.
var errPrivate = errors.New("the address is private: --callback-private allows it")

// newSender makes one whose connections go to public addresses alone, unless
// private ones are allowed. The address is looked at when it is dialed, after
// the name was resolved: a name cannot be made to mean another in between.
func newSender(private bool) *sender {
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); !private && (err != nil || !isPublic(at.Addr())) {
			return errPrivate
		}
		return nil
	}}
	return &sender{&http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, DisableCompression: true,
			MaxIdleConns: 100, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send makes one request. Its error is nil for an answer of 200.
func (s *sender) send(ctx context.Context, d Delivery, key string, now time.Time) error {
	at := d.URL + "?" + d.Query
	if strings.Contains(d.URL, "?") {
		at = d.URL + "&" + d.Query
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return plain(err)
	}
	req.Header.Set("User-Agent", "millrace")
	if key != "" {
		stamp := strconv.FormatInt(now.Unix(), 10)
		// In capitals as documented, for servers that tell the difference.
		req.Header["ALI-LIVE-TIMESTAMP"] = []string{stamp}
		req.Header["ALI-LIVE-SIGNATURE"] = []string{signature(d.Domain, stamp, key)}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer res.Body.Close()
	const enough = 2048 // for the connection to be used again
	_, _ = io.CopyN(io.Discard, res.Body, enough)
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// errLate says that a server took too long.
var errLate = fmt.Errorf("no answer came within %v", timeout)

// plain is why a request failed, without its URL: that has a publisher's token.
func plain(err error) error {
	var asked *url.Error
	switch {
	case errors.Is(err, errPrivate):
		return errPrivate
	case errors.As(err, &asked) && asked.Timeout():
		return errLate
	case asked != nil:
		err = asked.Err
	}
	return fmt.Errorf("ask: %w", err)
}

// signature is what says that a callback comes from who knows the key.
func signature(domain, stamp, key string) string {
	sum := md5.Sum([]byte(domain + "|" + stamp + "|" + key)) //nolint:gosec // the format prescribes it
	return hex.EncodeToString(sum[:])
}

// reserved are networks that are not the internet, besides those that netip
// knows; those that carry IPv4 addresses among them.
var reserved = func() (all []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
