package datadir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"millrace/internal/catalog"
)

// CatalogPath is where the admin port has the catalog: GET gives it as YAML, PUT
// replaces it.
const CatalogPath = "/catalog"

// maxCatalog is the most bytes of a catalog as YAML.
const maxCatalog = 256 << 20

// remoteTimeout bounds a request to a running node.
const remoteTimeout = time.Minute

// Export returns the catalog of an installation that has been started before,
// from the node that runs or else from the files. Where there is no catalog, the
// error is fs.ErrNotExist.
func Export(ctx context.Context, path string, log *slog.Logger) (catalog.Document, error) {
	var doc catalog.Document
	err := Edit(ctx, path, log, func(c *catalog.Catalog) error {
		doc = c.Snapshot().Document()
		return nil
	})
	var taken *Taken
	if !errors.As(err, &taken) {
		return doc, err
	}
	src, err := taken.ask(ctx, http.MethodGet, nil)
	if err != nil {
		return doc, err
	}
	return catalog.ParseYAML(src)
}

// Import makes the catalog of an installation what doc says, through the node
// that runs or else in the files. The installation is made where there is none.
func Import(ctx context.Context, path string, doc catalog.Document, log *slog.Logger) error {
	dir, err := Open(path)
	if err != nil {
		return err
	}
	c, err := dir.Catalog(ctx, catalog.Options{Now: time.Now, Log: log})
	var taken *Taken
	if errors.As(err, &taken) {
		src, err := doc.YAML()
		if err != nil {
			return err
		}
		_, err = taken.ask(ctx, http.MethodPut, src)
		return err
	}
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Import(ctx, "millrace catalog import", doc)
}

// ask makes a request for the catalog to the running node.
func (e *Taken) ask(ctx context.Context, method string, body []byte) ([]byte, error) {
	if e.Admin == "" {
		return nil, fmt.Errorf("%w, which is just starting or stopping: try again", e)
	}
	token, err := os.ReadFile(filepath.Join(e.Path, tokenFile))
	if err != nil {
		return nil, fmt.Errorf("read admin token: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+reachable(e.Admin)+CatalogPath, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask running node: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask running node: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxCatalog))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask running node: %w", err)
	case res.StatusCode/100 != 2:
		return nil, fmt.Errorf("the running node refuses: %s", strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

// reachable is an address to connect to for one that is listened on.
func reachable(addr string) string {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().IsUnspecified() {
		return addr
	}
	host := "127.0.0.1"
	if at.Addr().Is6() {
		host = "::1"
	}
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort(host, port)
}
