package openapi

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/control"
	"millrace/internal/media"
)

// span is a stretch of time that a request names, or a default one.
func span(from, to, now time.Time, usual, most time.Duration) (begin, end time.Time, err error) {
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-usual)
	}
	switch {
	case !from.Before(to):
		return from, to, invalid("StartTime", "it is not before EndTime")
	case to.Sub(from) > most:
		return from, to, invalid("EndTime", "it is more than "+most.String()+" after StartTime")
	}
	return from, to, nil
}

// names chooses streams by their names: "" is any.
type names struct {
	domain, app, stream string
	fuzzy               bool
}

// choose makes a choice of streams, for one domain of either type.
func (s *Server) choose(domain, app, stream, query string) (names, error) {
	d, err := s.domain(domain)
	if err != nil {
		return names{}, err
	}
	return names{d.Name, app, stream, query != "strict"}, nil
}

func (n names) match(p *control.Publication) bool {
	if p.Domain != n.domain && p.Main != n.domain || n.app != "" && p.App != n.app {
		return false
	}
	if n.fuzzy {
		return strings.Contains(p.Stream, n.stream)
	}
	return n.stream == "" || p.Stream == n.stream
}

// publishURL is what was published to, as far as it tells nobody how to do the same.
func publishURL(p *control.Publication) string {
	scheme := map[string]string{"whip": "http", "artc": "artc"}[p.Protocol]
	if scheme == "" {
		scheme = p.Protocol
	}
	return scheme + "://" + p.Domain + "/" + p.App + "/" + p.Stream
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

type whichPublications struct {
	Domain string    `api:"DomainName,required,domain"`
	App    string    `api:"AppName"`
	Stream string    `api:"StreamName"`
	Kind   string    `api:"StreamType,def=all,one=all|raw|trans"`
	Query  string    `api:"QueryType,def=fuzzy,one=fuzzy|strict"`
	Page   int       `api:"PageNumber,def=1,max=100000"`
	Size   int       `api:"PageSize,def=2000,max=3000"`
	From   time.Time `api:"StartTime,required"`
	To     time.Time `api:"EndTime,required"`
	Order  string    `api:"OrderBy,def=publish_time_asc,one=stream_name_asc|stream_name_desc|publish_time_asc|publish_time_desc"`
}

type publishList struct {
	answer
	TotalNum, TotalPage, PageNum, PageSize int
	PublishInfo                            struct{ LiveStreamPublishInfo many[publishRow] }
}

type publishRow struct {
	DomainName, PublishDomain, AppName, StreamName, PublishTime, StopTime, PublishUrl, PublishType string //nolint:revive,staticcheck // on the wire
	Transcoded, ClientAddr, EdgeNodeAddr, StreamUrl                                                string //nolint:revive,staticcheck // on the wire
}

const day = 24 * time.Hour

// publishList lists the publications that touched a stretch of time.
func (s *Server) publishList(_ context.Context, _ caller, p whichPublications) (*publishList, error) {
	which, err := s.choose(p.Domain, p.App, p.Stream, p.Query)
	if err != nil {
		return nil, err
	}
	from, to, err := span(p.From, p.To, s.now(), day, 30*day)
	if err != nil {
		return nil, err
	}
	var all []control.Publication
	if p.Kind != "trans" {
		all = s.streams.History(func(v *control.Publication) bool {
			return which.match(v) && v.Began.Before(to) && (v.Ended.IsZero() || !v.Ended.Before(from))
		})
	}
	order(all, p.Order, func(v *control.Publication) *control.Publication { return v })
	a := &publishList{TotalNum: len(all), TotalPage: pages(len(all), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, v := range page(all, p.Page, p.Size) {
		a.PublishInfo.LiveStreamPublishInfo = append(a.PublishInfo.LiveStreamPublishInfo, publishRow{
			DomainName: v.Main, PublishDomain: v.Domain, AppName: v.App, StreamName: v.Stream, PublishTime: stamp(v.Began),
			StopTime: stamp(v.Ended), PublishUrl: publishURL(&v), PublishType: publishType(&v), Transcoded: "no",
			ClientAddr: host(v.Client), EdgeNodeAddr: s.node, StreamUrl: publishURL(&v),
		})
	}
	return a, nil
}

type oneStream struct {
	Domain string `api:"DomainName,required,domain"`
	App    string `api:"AppName,required"`
	Stream string `api:"StreamName,required"`
}

type streamState struct {
	answer
	StreamState, Type string
}

func (s *Server) streamState(_ context.Context, _ caller, p oneStream) (*streamState, error) {
	which, err := s.choose(p.Domain, p.App, p.Stream, "strict")
	if err != nil {
		return nil, err
	}
	a := &streamState{StreamState: "offline", Type: "push"}
	if online := s.streams.Online(which.match); len(online) > 0 {
		a.StreamState = "online"
		if online[0].Pulled {
			a.Type = "pull"
		}
	}
	return a, nil
}

type streamCount struct {
	answer
	StreamCountInfos struct{ StreamCountInfo many[countRow] }
}

type countRow struct {
	Type               string
	Count, Limit       int64
	StreamCountDetails struct{ StreamCountDetail many[countDetail] }
}

type countDetail struct {
	Format               string
	VideoDataRate, Count int64
}

type whichCount struct {
	Domain string `api:"DomainName,domain"`
}

func (s *Server) streamCount(_ context.Context, _ caller, p whichCount) (*streamCount, error) {
	match := func(*control.Publication) bool { return true }
	if p.Domain != "" {
		which, err := s.choose(p.Domain, "", "", "")
		if err != nil {
			return nil, err
		}
		match = which.match
	}
	online := s.streams.Online(match)
	raw, trans := countRow{Type: "raw", Count: int64(len(online)), Limit: int64(s.limit())}, countRow{Type: "trans", Limit: unlimited}
	for _, v := range online {
		raw.count(v.Video)
	}
	for _, v := range s.conversions(online) {
		trans.Count++
		trans.count(v.stat.Video)
	}
	a := &streamCount{}
	a.StreamCountInfos.StreamCountInfo = many[countRow]{raw, trans}
	return a, nil
}

// count adds a stream to the details, which are of those with video.
func (r *countRow) count(video *media.Track) {
	if video == nil {
		return
	}
	details, format := &r.StreamCountDetails.StreamCountDetail, strings.ToLower(video.Codec.String())
	at := slices.IndexFunc(*details, func(d countDetail) bool { return d.Format == format })
	if at < 0 {
		at = len(*details)
		*details = append(*details, countDetail{Format: format})
	}
	(*details)[at].Count++
}

// ingest finds the ingest domain of a stream to be forbidden or resumed.
func (s *Server) ingest(name, app, stream string) (*catalog.Domain, error) {
	d, err := s.ofRole(name, catalog.Ingest)
	switch {
	case err != nil:
		return nil, err
	case !catalog.IsName(app, false) && app != "*":
		return nil, invalid("AppName", "")
	case !catalog.IsName(stream, true):
		return nil, invalid("StreamName", "")
	}
	return d, nil
}

var errNotForbidden = &Error{http.StatusNotFound, "InvalidStream.NotFound", "The stream is not forbidden."}
