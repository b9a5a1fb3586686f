package openapi

import (
	"context"

	"millrace/internal/catalog"
)

type pushPull struct {
	Push string `api:"PushDomain,required,domain"`
	Pull string `api:"PullDomain,required,domain"`
}

func (s *Server) addMapping(ctx context.Context, by caller, p pushPull) (*answer, error) {
	if _, err := s.ofRole(p.Push, catalog.Ingest); err != nil {
		return nil, err
	}
	if _, err := s.ofRole(p.Pull, catalog.Streaming); err != nil {
		return nil, err
	}
	return &answer{}, about("PushDomain", s.catalog.Associate(ctx, by.ID, p.Push, p.Pull))
}

func (s *Server) deleteMapping(ctx context.Context, by caller, p pushPull) (*answer, error) {
	if _, err := s.ofRole(p.Push, catalog.Ingest); err != nil {
		return nil, err
	}
	return &answer{}, coded(s.catalog.Dissociate(ctx, by.ID, p.Push, p.Pull), catalog.ErrNotFound, "InvalidMapping.NotFound")
}

type playPull struct {
	Play string `api:"PlayDomain,required,domain"`
	Pull string `api:"PullDomain,required,domain"`
}

func (s *Server) addPlayMapping(ctx context.Context, by caller, p playPull) (*answer, error) {
	for _, name := range []string{p.Play, p.Pull} {
		if _, err := s.ofRole(name, catalog.Streaming); err != nil {
			return nil, err
		}
	}
	return &answer{}, about("PlayDomain", s.catalog.AssociateSub(ctx, by.ID, p.Play, p.Pull))
}

func (s *Server) deletePlayMapping(ctx context.Context, by caller, p playPull) (*answer, error) {
	if _, err := s.ofRole(p.Play, catalog.Streaming); err != nil {
		return nil, err
	}
	return &answer{}, coded(s.catalog.Dissociate(ctx, by.ID, p.Play, p.Pull), catalog.ErrNotFound, "InvalidMapping.NotFound")
}

type domainModels struct {
	answer
	LiveDomainModels struct{ LiveDomainModel many[domainModel] }
}

type domainModel struct{ DomainName, Type string }

// describeMapping lists the domains in one name space with the one asked for.
func (s *Server) describeMapping(_ context.Context, _ caller, p one) (*domainModels, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	all := []*catalog.Domain{d}
	if d.Main != "" {
		all = s.catalog.Snapshot().Of(d.Main)
	}
	a := &domainModels{}
	for _, d := range all {
		a.LiveDomainModels.LiveDomainModel = append(a.LiveDomainModels.LiveDomainModel, domainModel{d.Name, modelType(d)})
	}
	return a, nil
}

// modelType is the word for a domain's place in an association.
func modelType(d *catalog.Domain) string {
	switch {
	case d.Role == catalog.Ingest:
		return "push"
	case d.Main != d.Name:
		return "subPlay"
	}
	return "play"
}
