package openapi

import (
	"context"
	"net"
	"net/http"
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

type whichStreams struct {
	Domain string    `api:"DomainName,required,domain"`
	App    string    `api:"AppName"`
	Stream string    `api:"StreamName"`
	Kind   string    `api:"StreamType,def=all,one=all|raw|trans"`
	Query  string    `api:"QueryType,def=fuzzy,one=fuzzy|strict"`
	Page   int       `api:"PageNum,def=1,max=100000"`
	Size   int       `api:"PageSize,def=2000,max=3000"`
	From   time.Time `api:"StartTime"`
	To     time.Time `api:"EndTime"`
}

type onlineList struct {
	answer
	TotalNum, TotalPage, PageNum, PageSize int
	OnlineInfo                             struct{ LiveStreamOnlineInfo many[onlineRow] }
}

type onlineRow struct {
	DomainName, PublishDomain, AppName, StreamName, PublishTime, PublishUrl, PublishType string //nolint:revive,staticcheck // on the wire
	Transcoded, ClientIp, ServerIp, StreamUrlArgs                                        string //nolint:revive,staticcheck // on the wire
	Width, Height, VideoCodecId, AudioCodecId                                            int    //nolint:revive,staticcheck // on the wire
}

func (s *Server) onlineList(_ context.Context, _ caller, p whichStreams) (*onlineList, error) {
	which, err := s.choose(p.Domain, p.App, p.Stream, p.Query)
	if err != nil {
		return nil, err
	}
	var all []control.Online
	if p.Kind != "trans" {
		all = s.streams.Online(func(v *control.Publication) bool {
			return which.match(v) && (p.From.IsZero() || !v.Began.Before(p.From)) && (p.To.IsZero() || !v.Began.After(p.To))
		})
	}
	a := &onlineList{TotalNum: len(all), TotalPage: pages(len(all), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, v := range page(all, p.Page, p.Size) {
		row := onlineRow{
			DomainName: v.Main, PublishDomain: v.Domain, AppName: v.App, StreamName: v.Stream, PublishTime: stamp(v.Began),
			PublishUrl: publishURL(&v.Publication), PublishType: "edge", Transcoded: "no",
			ClientIp: host(v.Client), ServerIp: s.node, StreamUrlArgs: v.Query,
		}
		if v.Video != nil {
			row.Width, row.Height, row.VideoCodecId = v.Video.Width, v.Video.Height, codecIDs[v.Video.Codec]
		}
		if v.Audio != nil {
			row.AudioCodecId = codecIDs[v.Audio.Codec]
		}
		a.OnlineInfo.LiveStreamOnlineInfo = append(a.OnlineInfo.LiveStreamOnlineInfo, row)
	}
	return a, nil
}

// codecIDs are the numbers of FLV, where it has one.
var codecIDs = map[media.Codec]int{media.H264: 7, media.H265: 12, media.AV1: 13, media.AAC: 10, media.Opus: 13}

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
	a := &publishList{TotalNum: len(all), TotalPage: pages(len(all), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, v := range page(all, p.Page, p.Size) {
		a.PublishInfo.LiveStreamPublishInfo = append(a.PublishInfo.LiveStreamPublishInfo, publishRow{
			DomainName: v.Main, PublishDomain: v.Domain, AppName: v.App, StreamName: v.Stream, PublishTime: stamp(v.Began),
			StopTime: stamp(v.Ended), PublishUrl: publishURL(&v), PublishType: "edge", Transcoded: "no",
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
	if len(s.streams.Online(which.match)) > 0 {
		a.StreamState = "online"
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
	const none = 1<<31 - 1
	a := &streamCount{}
	a.StreamCountInfos.StreamCountInfo = many[countRow]{
		{Type: "raw", Count: int64(len(s.streams.Online(match))), Limit: none},
		{Type: "trans", Limit: none},
	}
	return a, nil
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
