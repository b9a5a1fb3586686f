package openapi

import (
	"context"
	"net/http"

	"millrace/internal/catalog"
)

type setNotify struct {
	Domain    string `api:"DomainName,required,domain"`
	URL       string `api:"NotifyUrl"`
	Auth      string `api:"NotifyReqAuth,def=no,one=yes|no"`
	Key       string `api:"NotifyAuthKey"`
	Exception string `api:"ExceptionNotifyUrl"`
	Switch    string `api:"SwitchNotifyUrl"`
}

// setNotify sets where an ingest domain reports its publishers to.
func (s *Server) setNotify(ctx context.Context, by caller, p setNotify) (*answer, error) {
	if _, err := s.ofRole(p.Domain, catalog.Ingest); err != nil {
		return nil, err
	}
	switch {
	case p.URL == "" && p.Exception == "" && p.Switch == "":
		return nil, missing("NotifyUrl")
	case p.Auth == "no":
		p.Key = ""
	case !isNotifyKey(p.Key):
		return nil, invalid("NotifyAuthKey", "it wants 16 to 64 letters and digits")
	}
	return &answer{}, about("NotifyUrl", s.catalog.ChangeDomain(ctx, string(by), p.Domain, func(d *catalog.Domain) error {
		d.Callbacks = &catalog.Callbacks{URL: p.URL, ExceptionURL: p.Exception, SwitchURL: p.Switch, Key: p.Key}
		return nil
	}))
}

func isNotifyKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(s) >= 16 && len(s) <= 64
}

type notifyConfig struct {
	answer
	LiveStreamsNotifyConfig struct {
		DomainName, NotifyUrl, NotifyReqAuth, NotifyAuthKey, ExceptionNotifyUrl, SwitchNotifyUrl string //nolint:revive,staticcheck // on the wire
	}
}

var errNoNotify = &Error{http.StatusNotFound, "NotifyConfig.NotFound", "The domain has no callbacks."}

func (s *Server) describeNotify(_ context.Context, _ caller, p one) (*notifyConfig, error) {
	d, err := s.ofRole(p.Domain, catalog.Ingest)
	if err != nil {
		return nil, err
	}
	c := d.Callbacks
	if c == nil {
		return nil, errNoNotify
	}
	a := &notifyConfig{}
	v := &a.LiveStreamsNotifyConfig
	v.DomainName, v.NotifyUrl, v.ExceptionNotifyUrl, v.SwitchNotifyUrl = d.Name, c.URL, c.ExceptionURL, c.SwitchURL
	v.NotifyReqAuth, v.NotifyAuthKey = "no", c.Key
	if c.Key != "" {
		v.NotifyReqAuth = "yes"
	}
	return a, nil
}

func (s *Server) deleteNotify(ctx context.Context, by caller, p one) (*answer, error) {
	if _, err := s.ofRole(p.Domain, catalog.Ingest); err != nil {
		return nil, err
	}
	return &answer{}, s.catalog.ChangeDomain(ctx, string(by), p.Domain, func(d *catalog.Domain) error {
		if d.Callbacks == nil {
			return errNoNotify
		}
		d.Callbacks = nil
		return nil
	})
}
