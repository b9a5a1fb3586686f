package openapi

import (
	"cmp"
	"context"

	"millrace/internal/catalog"
	"millrace/internal/control"
)

// unlimited is the largest number that clients take.
const unlimited = 1<<31 - 1

type domainLimit struct {
	answer
	LiveDomainLimitList struct{ LiveDomainLimit many[limitRow] }
}

type limitRow struct {
	DomainName                                                                                         string
	LimitNum, CurrentNum, LimitTranscodeNum, CurrentTranscodeNum, LimitTransferNum, CurrentTransferNum int
}

type whichLimit struct {
	Domain string `api:"DomainName,domain"`
}

// describeLimit tells how many streams ingest domains have, and may have. What is
// made of them, and where they are sent to, is not limited.
func (s *Server) describeLimit(_ context.Context, _ caller, p whichLimit) (*domainLimit, error) {
	all := s.catalog.Snapshot().Domains()
	if p.Domain != "" {
		d, err := s.ofRole(p.Domain, catalog.Ingest)
		if err != nil {
			return nil, err
		}
		all = []*catalog.Domain{d}
	}
	streams, made := map[string]int{}, map[string]int{}
	online := s.streams.Online(func(*control.Publication) bool { return true })
	for _, v := range online {
		streams[v.Domain]++
	}
	for _, v := range s.conversions(online) {
		made[v.of.Domain]++
	}
	a := &domainLimit{}
	for _, d := range all {
		if d.Role == catalog.Ingest {
			a.LiveDomainLimitList.LiveDomainLimit = append(a.LiveDomainLimitList.LiveDomainLimit, limitRow{
				DomainName: d.Name, LimitNum: s.limit(), CurrentNum: streams[d.Name],
				LimitTranscodeNum: unlimited, CurrentTranscodeNum: made[d.Name], LimitTransferNum: unlimited,
			})
		}
	}
	return a, nil
}

// limit is how many streams an ingest domain may have.
func (s *Server) limit() int { return cmp.Or(s.streams.Most(), unlimited) }
