package openapi

import (
	"context"
	"net/http"
	"time"

	"millrace/internal/callback"
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
	case p.Exception != "":
		return nil, unsupported("ExceptionNotifyUrl", "what it is told of is not documented, so nothing would be sent to it")
	case p.Switch != "":
		return nil, unsupported("SwitchNotifyUrl", "streams have one publisher here, so nothing would be sent to it")
	case p.URL == "":
		return nil, missing("NotifyUrl")
	case holdsMask(p.URL):
		return nil, invalid("NotifyUrl", "it holds what is shown in place of secrets")
	case p.Auth == "no":
		p.Key = ""
	case p.Key == "":
		return nil, missing("NotifyAuthKey")
	case !isNotifyKey(p.Key):
		return nil, invalid("NotifyAuthKey", "it wants 16 to 64 letters and digits")
	}
	return &answer{}, about("NotifyUrl", s.catalog.ChangeDomain(ctx, by.ID, p.Domain, func(d *catalog.Domain) error {
		d.Callbacks = &catalog.Callbacks{URL: p.URL, Key: p.Key}
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
		DomainName, NotifyUrl, NotifyReqAuth, NotifyAuthKey string //nolint:revive,staticcheck // on the wire
	}
}

var errNoNotify = &Error{http.StatusNotFound, "NotifyConfig.NotFound", "The domain has no callbacks."}

func (s *Server) describeNotify(_ context.Context, by caller, p one) (*notifyConfig, error) {
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
	v.DomainName, v.NotifyUrl = d.Name, withoutCredentials(by, c.URL)
	v.NotifyReqAuth, v.NotifyAuthKey = "no", secret(by, c.Key)
	if c.Key != "" {
		v.NotifyReqAuth = "yes"
	}
	return a, nil
}

func (s *Server) deleteNotify(ctx context.Context, by caller, p one) (*answer, error) {
	if _, err := s.ofRole(p.Domain, catalog.Ingest); err != nil {
		return nil, err
	}
	return &answer{}, s.catalog.ChangeDomain(ctx, by.ID, p.Domain, func(d *catalog.Domain) error {
		if d.Callbacks == nil {
			return errNoNotify
		}
		d.Callbacks = nil
		return nil
	})
}

type whichDeliveries struct {
	Domain string    `api:"DomainName,required,domain"`
	App    string    `api:"AppName"`
	Stream string    `api:"StreamName"`
	Status string    `api:"Status,one=success|failed"`
	Page   int       `api:"PageNumber,def=1,max=100000"`
	Size   int       `api:"PageSize,def=10,max=100"`
	From   time.Time `api:"StartTime,required"`
	To     time.Time `api:"EndTime,required"`
}

type notifyRecords struct {
	answer
	TotalNum, TotalPage, PageNum, PageSize int
	NotifyRecordsInfo                      struct{ LiveStreamNotifyRecordsInfo many[notifyRow] }
}

type notifyRow struct {
	DomainName, AppName, StreamName, NotifyUrl, NotifyContent, NotifyTime, NotifyType, NotifyResult, Description string //nolint:revive,staticcheck // on the wire
}

// notifyRecords lists callbacks, those that are still under way with no result.
func (s *Server) notifyRecords(_ context.Context, by caller, p whichDeliveries) (*notifyRecords, error) {
	d, err := s.ofRole(p.Domain, catalog.Ingest)
	if err != nil {
		return nil, err
	}
	from, to, err := span(p.From, p.To, s.now(), day, 7*day)
	if err != nil {
		return nil, err
	}
	all := s.deliveries(func(v *callback.Delivery) bool {
		return v.Domain == d.Name && (p.App == "" || v.App == p.App) && (p.Stream == "" || v.Stream == p.Stream) &&
			(p.Status == "" || string(v.Result) == p.Status) && !v.Began.Before(from) && v.Began.Before(to)
	})
	a := &notifyRecords{TotalNum: len(all), TotalPage: pages(len(all), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, v := range page(all, p.Page, p.Size) {
		a.NotifyRecordsInfo.LiveStreamNotifyRecordsInfo = append(a.NotifyRecordsInfo.LiveStreamNotifyRecordsInfo, notifyRow{
			DomainName: v.Domain, AppName: v.App, StreamName: v.Stream, NotifyUrl: withoutCredentials(by, v.URL), NotifyContent: withoutTokens(by, v.Query),
			NotifyTime: stamp(v.Tried), NotifyType: v.Event, NotifyResult: string(v.Result), Description: v.Answer,
		})
	}
	return a, nil
}
