package openapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"millrace/internal/catalog"
)

const (
	// window is how far a client's clock may be off.
	window = 15 * time.Minute
	// timeLayout is that of times in requests and answers, in UTC.
	timeLayout = "2006-01-02T15:04:05Z"
	version    = "2016-11-01"
	maxNonce   = 128
)

// authenticate finds the access key that a request is signed with. What costs
// nothing is looked at first; the nonce is taken last, so that nobody but the
// holders of keys can fill the memory of nonces.
func (s *Server) authenticate(c *call) (*catalog.AccessKey, error) {
	sig, err := c.signature()
	if err != nil {
		return nil, err
	}
	if sig.nonce == "" || len(sig.nonce) > maxNonce {
		return nil, &Error{http.StatusBadRequest, "InvalidSignatureNonce", "The signature nonce wants 1 to 128 characters."}
	}
	at, err := time.Parse(timeLayout, sig.timestamp)
	if err != nil {
		return nil, &Error{http.StatusBadRequest, "InvalidTimeStamp.Format", "Timestamp " + quote(sig.timestamp) + " is not like " + timeLayout + "."}
	}
	now := s.now()
	if at.Before(now.Add(-window)) || at.After(now.Add(window)) {
		return nil, &Error{http.StatusBadRequest, "InvalidTimeStamp.Expired", "Timestamp " + quote(sig.timestamp) +
			" is more than 15 minutes from the server's time, " + now.UTC().Format(timeLayout) + "."}
	}
	key := s.catalog.Snapshot().AccessKey(sig.keyID)
	if key == nil {
		return nil, &Error{http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	}
	if !sig.matches(key.Secret) {
		message := "Specified signature is not matched with our calculation. server string to sign is:" + sig.toSign
		if sig.canonical != "" {
			message += " server canonical request is:" + sig.canonical
		}
		return nil, &Error{http.StatusBadRequest, "SignatureDoesNotMatch", message}
	}
	if sig.version != version {
		return nil, &Error{http.StatusBadRequest, "InvalidVersion", "Specified parameter Version is not valid: it is not " + version + "."}
	}
	switch s.nonces.take(key.ID, sig.nonce, at.Add(window), now) {
	case nonceUsed:
		return nil, &Error{http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already."}
	case nonceFull:
		return nil, &Error{http.StatusTooManyRequests, "Throttling.User", "Request was denied due to user flow control."}
	}
	return key, nil
}

// remember sees to it that a request cannot be sent again, not even to this node
// when it has been started anew, before it changes anything.
func (s *Server) remember(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, saveWait)
	defer cancel()
	if err := s.nonces.save(ctx, s.now()); err != nil {
		s.log.ErrorContext(ctx, "api", "err", err)
		return &Error{http.StatusServiceUnavailable, "ServiceUnavailable", "The request cannot be written down, so nothing was changed."}
	}
	return nil
}

// authorise says whether a key may do an action to domains.
func authorise(key *catalog.AccessKey, a *action, domains []string) error {
	switch {
	case key.Scope == catalog.ReadOnly && a.changes:
		return &Error{http.StatusForbidden, "Forbidden.ReadOnly", "This access key may only read: " + a.name + " is not for it."}
	case key.Scope != catalog.OneDomain:
		return nil
	case len(domains) == 0:
		return &Error{http.StatusForbidden, "Forbidden.Domain", "This access key is for the domain " + key.Domain + " alone: " + a.name + " must name it."}
	}
	for _, d := range domains {
		if !strings.EqualFold(d, key.Domain) {
			return &Error{http.StatusForbidden, "Forbidden.Domain", "This access key is for the domain " + key.Domain + " alone."}
		}
	}
	return nil
}
