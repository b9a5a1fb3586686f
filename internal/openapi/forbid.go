package openapi

import (
	"context"
	"errors"
	"slices"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/control"
)

const (
	// forbidUsual is how long a stream is forbidden where the request does not say.
	forbidUsual = 183 * day
	forbidMost  = 10 * 366 * day
)

type forbid struct {
	Domain  string `api:"DomainName,required,domain"`
	App     string `api:"AppName,required"`
	Stream  string `api:"StreamName,required"`
	Kind    string `api:"LiveStreamType,required,one=publisher"`
	Oneshot string `api:"Oneshot,def=no,one=yes|no"`
	Until   string `api:"ResumeTime"`
}

// forbid ends a stream's publisher and, unless it is to happen once, has it
// refused until a time.
func (s *Server) forbid(ctx context.Context, by caller, p forbid) (*answer, error) {
	d, err := s.ingest(p.Domain, p.App, p.Stream)
	if err != nil {
		return nil, err
	}
	if p.App == "*" {
		return nil, invalid("AppName", "")
	}
	note := control.Action{By: by.ID, Word: "kick", Domain: d.Name, App: p.App, Stream: p.Stream}
	if p.Oneshot != "yes" {
		until := s.now().Add(forbidUsual)
		if p.Until != "" {
			until, err = parseTime(p.Until)
			if err != nil || !until.After(s.now()) || until.After(s.now().Add(forbidMost)) {
				return nil, invalid("ResumeTime", "it wants to be like "+timeLayout+" and in the future")
			}
		}
		if err := s.catalog.BlockStream(ctx, by.ID, d.Name, p.App, p.Stream, until); err != nil {
			return nil, err
		}
		note.Word = "forbid"
	}
	s.streams.Note(note)
	if p.Oneshot == "yes" {
		s.streams.Kick(d.Name, p.App, p.Stream)
	} else {
		s.streams.Cut()
	}
	return &answer{}, nil
}

type resume struct {
	Domain string `api:"DomainName,required,domain"`
	App    string `api:"AppName,required"`
	Stream string `api:"StreamName,required"`
	Kind   string `api:"LiveStreamType,required,one=publisher"`
}

func (s *Server) resume(ctx context.Context, by caller, p resume) (*answer, error) {
	d, err := s.ingest(p.Domain, p.App, p.Stream)
	if err != nil {
		return nil, err
	}
	err = s.catalog.UnblockStream(ctx, by.ID, d.Name, p.App, p.Stream)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, errNotForbidden
	}
	if err == nil {
		s.streams.Note(control.Action{By: by.ID, Word: "resume", Domain: d.Name, App: p.App, Stream: p.Stream})
	}
	return &answer{}, err
}

type whichBlocks struct {
	Domain string `api:"DomainName,required,domain"`
	Page   int    `api:"PageNum,def=1,max=100000"`
	Size   int    `api:"PageSize,def=2000,max=3000"`
}

type blockList struct {
	answer
	DomainName                             string
	TotalNum, TotalPage, PageNum, PageSize int
	StreamUrls                             struct{ StreamUrl many[string] } //nolint:revive,staticcheck // on the wire
}

// blockList lists the streams of an ingest domain, or of all that belong to a
// streaming domain, that are forbidden now.
func (s *Server) blockList(_ context.Context, _ caller, p whichBlocks) (*blockList, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	snapshot, now := s.catalog.Snapshot(), s.now()
	blocks := slices.DeleteFunc(snapshot.Blocks(), func(b *catalog.Block) bool {
		in := snapshot.Domain(b.Domain)
		return !now.Before(b.Until) || b.Domain != d.Name && (in == nil || in.Main != d.Name)
	})
	a := &blockList{DomainName: d.Name, TotalNum: len(blocks), TotalPage: pages(len(blocks), p.Size), PageNum: p.Page, PageSize: p.Size}
	for _, b := range page(blocks, p.Page, p.Size) {
		a.StreamUrls.StreamUrl = append(a.StreamUrls.StreamUrl, "rtmp://"+b.Domain+"/"+b.App+"/"+b.Stream)
	}
	return a, nil
}

type whichActions struct {
	Domain string    `api:"DomainName,required,domain"`
	App    string    `api:"AppName"`
	From   time.Time `api:"StartTime"`
	To     time.Time `api:"EndTime"`
	Rows   int       `api:"Rows,def=100,max=1000"`
	Page   int       `api:"Page,def=1,max=100000"`
}

type controlHistory struct {
	answer
	ControlInfo struct{ LiveStreamControlInfo many[controlRow] }
}

type controlRow struct{ StreamName, Action, TimeStamp, ClientIP string } //nolint:revive,staticcheck // on the wire

func (s *Server) controlHistory(_ context.Context, _ caller, p whichActions) (*controlHistory, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	from, to, err := span(p.From, p.To, s.now().Add(time.Second), 7*day, 7*day)
	if err != nil {
		return nil, err
	}
	all := s.streams.Actions(func(v *control.Action) bool {
		return v.Domain == d.Name && (p.App == "" || v.App == p.App) && !v.At.Before(from) && v.At.Before(to)
	})
	a := &controlHistory{}
	for _, v := range page(all, p.Page, p.Rows) {
		a.ControlInfo.LiveStreamControlInfo = append(a.ControlInfo.LiveStreamControlInfo,
			controlRow{v.App + "/" + v.Stream, v.Word, stamp(v.At), host(v.Client)})
	}
	return a, nil
}
