package openapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"millrace/internal/catalog"
)

// types are the words of the API for the types of domains.
var types = map[catalog.Role]string{catalog.Ingest: "liveEdge", catalog.Streaming: "liveVideo"}

// one names one domain.
type one struct {
	Domain string `api:"DomainName,required,domain"`
}

type newDomain struct {
	Name   string            `api:"DomainName,required,domain"`
	Type   string            `api:"LiveDomainType,required,one=liveEdge|liveVideo"`
	Region string            `api:"Region,required"`
	Scope  string            `api:"Scope,def=domestic,one=domestic|overseas|global"`
	Group  string            `api:"ResourceGroupId"`
	Tags   map[string]string `api:"Tag"`
	Check  string            `api:"CheckUrl"`
}

func (s *Server) addDomain(ctx context.Context, by caller, p newDomain) (*answer, error) {
	switch {
	case p.Check != "":
		return nil, unsupported("CheckUrl", "nothing is asked for there before a domain is served")
	case len(p.Group) > 128:
		return nil, invalid("ResourceGroupId", "it has more than 128 bytes")
	}
	d := catalog.Domain{Name: p.Name, Role: catalog.Ingest, Region: p.Region, Scope: p.Scope, ResourceGroup: p.Group, Tags: p.Tags}
	if p.Type == types[catalog.Streaming] {
		d.Role = catalog.Streaming
	}
	err := s.catalog.AddDomain(ctx, by.ID, d)
	var bad *catalog.Invalid
	switch {
	case errors.As(err, &bad) && strings.HasSuffix(bad.Field, ": region"):
		return nil, invalid("Region", bad.Why)
	case bad != nil:
		return nil, &Error{http.StatusBadRequest, "InvalidDomainName.Malformed", "Specified parameter DomainName is not valid: it " + bad.Why + "."}
	}
	err = coded(err, catalog.ErrExists, "DomainAlreadyExist")
	return &answer{}, coded(err, catalog.ErrQuota, "QuotaExceeded.Domain")
}

func (s *Server) deleteDomain(ctx context.Context, by caller, p one) (*answer, error) {
	return &answer{}, coded(s.catalog.DeleteDomain(ctx, by.ID, p.Domain), catalog.ErrInUse, "DomainInUse")
}

func (s *Server) startDomain(ctx context.Context, by caller, p one) (*answer, error) {
	return s.setStatus(ctx, by, p.Domain, catalog.Online)
}

func (s *Server) stopDomain(ctx context.Context, by caller, p one) (*answer, error) {
	return s.setStatus(ctx, by, p.Domain, catalog.Offline)
}

func (s *Server) setStatus(ctx context.Context, by caller, name string, status catalog.Status) (*answer, error) {
	return &answer{}, s.catalog.ChangeDomain(ctx, by.ID, name, func(d *catalog.Domain) error {
		d.Status = status
		return nil
	})
}

// domain finds the domain that a request names.
func (s *Server) domain(name string) (*catalog.Domain, error) {
	d := s.catalog.Snapshot().Domain(strings.ToLower(name))
	if d == nil {
		return nil, &Error{http.StatusNotFound, "InvalidDomain.NotFound", "The domain " + quote(name) + " does not belong to this installation."}
	}
	return d, nil
}

// ofRole finds a domain that has to be of one type.
func (s *Server) ofRole(name string, role catalog.Role) (*catalog.Domain, error) {
	d, err := s.domain(name)
	if err == nil && d.Role != role {
		return nil, &Error{http.StatusBadRequest, "InvalidDomainType", "The domain " + d.Name + " is not of the type " + types[role] + "."}
	}
	return d, err
}

type domainDetail struct {
	answer
	DomainDetail struct {
		DomainName, DomainStatus, LiveDomainType, Cname, Region, Scope, GmtCreated, GmtModified string
		SSLProtocol, CertName, SSLPub, Description, ResourceGroupId                             string //nolint:revive,staticcheck // on the wire
	}
}

func (s *Server) describeDomain(_ context.Context, _ caller, p one) (*domainDetail, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	a := &domainDetail{}
	v := &a.DomainDetail
	v.DomainName, v.DomainStatus, v.LiveDomainType, v.Cname = d.Name, string(d.Status), types[d.Role], d.CNAME
	v.Region, v.Scope, v.GmtCreated, v.GmtModified = d.Region, d.Scope, stamp(d.Created), stamp(d.Modified)
	v.ResourceGroupId, v.SSLProtocol = d.ResourceGroup, "off"
	if c := s.catalog.Snapshot().Certificate(d.Certificate); c != nil {
		v.SSLProtocol, v.CertName, v.SSLPub = "on", c.Name, c.Chain
	}
	return a, nil
}

// stamp is a time on the wire; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

type whichDomains struct {
	Name   string            `api:"DomainName,domain"`
	Search string            `api:"DomainSearchType,def=fuzzy_match,one=fuzzy_match|pre_match|suf_match|full_match"`
	Status string            `api:"DomainStatus,one=online|offline|configuring|configure_failed|checking|check_failed"`
	Type   string            `api:"LiveDomainType,one=liveEdge|liveVideo"`
	Region string            `api:"RegionName"`
	Group  string            `api:"ResourceGroupId"`
	Tags   map[string]string `api:"Tag"`
	Page   int               `api:"PageNumber,def=1,max=100000"`
	Size   int               `api:"PageSize,def=20,max=50"`
}

type domainPage struct {
	answer
	PageNumber, PageSize, TotalCount int
	Domains                          struct{ PageData many[domainRow] }
}

type domainRow struct {
	DomainName, LiveDomainStatus, LiveDomainType, Cname, RegionName, GmtCreated, GmtModified, Description, ResourceGroupId string //nolint:revive,staticcheck // on the wire
}

func (s *Server) describeDomains(_ context.Context, by caller, p whichDomains) (*domainPage, error) {
	if by.Scope == catalog.OneDomain { // whose name may be a part of others
		p.Search = "full_match"
	}
	match := map[string]func(s, part string) bool{
		"fuzzy_match": strings.Contains, "pre_match": strings.HasPrefix, "suf_match": strings.HasSuffix,
		"full_match": func(s, part string) bool { return part == "" || s == part },
	}[p.Search]
	part := strings.ToLower(p.Name)
	var found []*catalog.Domain
	for d := range s.catalog.Snapshot().EachDomain() {
		if match(d.Name, part) && cmp.Or(p.Status, string(d.Status)) == string(d.Status) &&
			cmp.Or(p.Type, types[d.Role]) == types[d.Role] && cmp.Or(p.Region, d.Region) == d.Region && cmp.Or(p.Group, d.ResourceGroup) == d.ResourceGroup && tagged(d, p.Tags) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *catalog.Domain) int { return strings.Compare(a.Name, b.Name) })
	a := &domainPage{PageNumber: p.Page, PageSize: p.Size, TotalCount: len(found)}
	for _, d := range page(found, p.Page, p.Size) {
		a.Domains.PageData = append(a.Domains.PageData, domainRow{
			DomainName: d.Name, LiveDomainStatus: string(d.Status), LiveDomainType: types[d.Role], Cname: d.CNAME,
			RegionName: d.Region, ResourceGroupId: d.ResourceGroup, GmtCreated: stamp(d.Created), GmtModified: stamp(d.Modified),
		})
	}
	return a, nil
}

// tagged says whether a domain has all of some tags; a value of "" is any.
func tagged(d *catalog.Domain, tags map[string]string) bool {
	for key, value := range tags {
		if got, has := d.Tags[key]; !has || value != "" && got != value {
			return false
		}
	}
	return true
}

// page is one page of all, which are numbered from 1.
func page[T any](all []T, number, size int) []T {
	from := min((number-1)*size, len(all))
	return all[from:min(from+size, len(all))]
}

// pages is how many pages there are.
func pages(all, size int) int { return (all + size - 1) / size }
