package openapi

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxBody is the most bytes of a body. Certificates with their chains are
	// what is large.
	maxBody = 1 << 20
	// maxParameters is how many parameters a request may have.
	maxParameters = 1000
)

// pair is one parameter, decoded.
type pair struct{ name, value string }

// call is a request as it was sent.
type call struct {
	method, host, path string
	header             http.Header
	query              []pair
	body               []byte
	all                map[string]string // of the query and of a form
}

// read takes a request apart. Nothing of it is believed yet.
func read(w http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{method: r.Method, host: r.Host, path: r.URL.EscapedPath(), header: r.Header}
	var err error
	c.query, err = parsePairs(r.URL.RawQuery)
	if c.all = make(map[string]string, len(c.query)+1); err != nil {
		return c, err
	}
	if err := c.add(c.query); err != nil {
		return c, err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return c, &Error{http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "The method must be GET or POST."}
	}
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		if tooLarge(err) {
			return c, &Error{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The body is longer than 1 MiB."}
		}
		return c, &Error{http.StatusBadRequest, "IncompleteBody", "The body did not come."}
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return c, nil
	}
	form, err := parsePairs(string(c.body))
	if err != nil {
		return c, err
	}
	return c, c.add(form)
}

// add takes parameters, each once: of two with one name, a proxy and this
// server might believe different ones.
func (c *call) add(pairs []pair) error {
	for _, p := range pairs {
		if _, twice := c.all[p.name]; twice {
			return &Error{http.StatusBadRequest, "InvalidParameter", "Parameter " + quote(p.name) + " is given twice."}
		}
		c.all[p.name] = p.value
	}
	if len(c.all) > maxParameters {
		return &Error{http.StatusBadRequest, "InvalidParameter", "There are too many parameters."}
	}
	return nil
}

// parsePairs reads a query or a form.
func parsePairs(raw string) ([]pair, error) {
	if strings.Count(raw, "&") > maxParameters {
		return nil, &Error{http.StatusBadRequest, "InvalidParameter", "There are too many parameters."}
	}
	all := make([]pair, 0, strings.Count(raw, "&")+1)
	for word := range strings.SplitSeq(raw, "&") {
		if word == "" {
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		var p pair
		var err error
		if p.name, err = url.QueryUnescape(name); err == nil {
			p.value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, &Error{http.StatusBadRequest, "InvalidParameter", "Parameter " + quote(name) + " is not properly escaped."}
		}
		all = append(all, p)
	}
	return all, nil
}

// word is a parameter that every request has: as such, or else as a header.
func (c *call) word(name, header string) string {
	if v, ok := c.all[name]; ok {
		return v
	}
	return c.header.Get(header)
}

// wantsJSON says which of the two formats the answer is to be in.
func (c *call) wantsJSON() bool {
	switch format, said := c.all["Format"]; {
	case said:
		return strings.EqualFold(format, "JSON")
	case c.isV3():
		return !strings.Contains(c.header.Get("Accept"), "xml")
	}
	return strings.Contains(c.header.Get("Accept"), "json")
}
