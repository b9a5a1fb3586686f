package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/sign"
)

type setConfigs struct {
	Domains   []string `api:"DomainNames,required,domain"`
	Functions string   `api:"Functions,required"`
}

// jsonFunction is a function as clients send it.
type jsonFunction struct {
	Name string   `json:"functionName"`
	ID   configID `json:"configId"`
	Args []struct {
		Name  string `json:"argName"`
		Value string `json:"argValue"`
	} `json:"functionArgs"`
}

// configID is a number or a string of digits; "" is none.
type configID uint64

// UnmarshalJSON implements json.Unmarshaler.
func (id *configID) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	*id = configID(n)
	return err
}

// parseFunctions reads the JSON of functions.
func parseFunctions(s string) ([]catalog.Function, error) {
	var sent []jsonFunction
	if err := json.Unmarshal([]byte(s), &sent); err != nil {
		return nil, invalid("Functions", "it is no JSON list of functions")
	}
	if len(sent) == 0 || len(sent) > maxItems {
		return nil, invalid("Functions", "it wants 1 to 100 functions")
	}
	all := make([]catalog.Function, len(sent))
	for i, f := range sent {
		args := map[string]string{}
		for _, a := range f.Args {
			if a.Value == hidden && slices.Contains(secretArgs, a.Name) {
				return nil, invalid("Functions", a.Name+" is what is shown in place of a key")
			}
			args[a.Name] = a.Value
		}
		all[i] = catalog.Function{ID: uint64(f.ID), Name: f.Name, Args: args}
	}
	return all, nil
}

func (s *Server) setConfigs(ctx context.Context, by caller, p setConfigs) (*answer, error) {
	functions, err := parseFunctions(p.Functions)
	if err != nil {
		return nil, err
	}
	return &answer{}, about("Functions", s.catalog.SetFunctions(ctx, by.ID, p.Domains, functions))
}

type deleteConfigs struct {
	Domains   []string `api:"DomainNames,required,domain"`
	Functions []string `api:"FunctionNames,required"`
}

func (s *Server) deleteConfigs(ctx context.Context, by caller, p deleteConfigs) (*answer, error) {
	return &answer{}, about("FunctionNames", s.catalog.DeleteFunctions(ctx, by.ID, p.Domains, p.Functions))
}

type whichConfigs struct {
	Domain    string   `api:"DomainName,required,domain"`
	Functions []string `api:"FunctionNames"`
}

type domainConfigs struct {
	answer
	DomainConfigs struct{ DomainConfig many[domainConfig] }
}

type domainConfig struct {
	FunctionName, ConfigId, Status string //nolint:revive,staticcheck // on the wire
	FunctionArgs                   struct{ FunctionArg many[functionArg] }
}

type functionArg struct{ ArgName, ArgValue string }

func (s *Server) describeConfigs(_ context.Context, by caller, p whichConfigs) (*domainConfigs, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	a := &domainConfigs{}
	for _, f := range d.Functions {
		if len(p.Functions) > 0 && !slices.Contains(p.Functions, f.Name) {
			continue
		}
		c := domainConfig{FunctionName: f.Name, ConfigId: strconv.FormatUint(f.ID, 10), Status: "success"}
		for _, name := range slices.Sorted(maps.Keys(f.Args)) {
			c.FunctionArgs.FunctionArg = append(c.FunctionArgs.FunctionArg, functionArg{name, argument(by, name, f.Args[name])})
		}
		a.DomainConfigs.DomainConfig = append(a.DomainConfigs.DomainConfig, c)
	}
	return a, nil
}

type checkAuth struct {
	Domain string `api:"DomainName,required,domain"`
	URL    string `api:"Url,required"`
}

type authCheck struct {
	answer
	Status, Description string
}

// checkAuth says whether a signed URL would do at this moment.
func (s *Server) checkAuth(_ context.Context, _ caller, p checkAuth) (*authCheck, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Path == "" {
		return nil, invalid("Url", "it is no URL of a stream")
	}
	if !strings.EqualFold(u.Hostname(), d.Name) {
		return nil, invalid("Url", "it is not of the domain "+d.Name)
	}
	if !d.Auth.Enabled {
		return &authCheck{Status: "false", Description: "INVALID ALIAUTH"}, nil
	}
	q := catalog.Request{Path: u.EscapedPath()}
	q.SetArguments(u.RawQuery)
	err = d.Auth.Verify(&q, s.now())
	var why *sign.Error
	switch {
	case err == nil:
		return &authCheck{Status: "pass"}, nil
	case !errors.As(err, &why):
		return nil, err
	}
	words := map[sign.Fault]string{
		sign.Missing: "INVALID AUTH_KEY", sign.Malformed: "INVALID AUTH_KEY",
		sign.BadHash: "INVALID MD5HASH", sign.Expired: "INVALID TIMESTAMP",
	}
	return &authCheck{Status: "false", Description: words[why.Fault]}, nil
}
