package node

import (
	"errors"
	"io"
	"net/http"

	"millrace/internal/catalog"
)

// maxImport is the most bytes of a catalog that the admin port takes.
const maxImport = 64 << 20

// exportCatalog gives the whole catalog, secrets included, as YAML.
func (n *node) exportCatalog(w http.ResponseWriter, _ *http.Request) {
	b, err := n.catalog.Snapshot().Document().YAML()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(b)
}

// importCatalog replaces the whole catalog by the one in the body.
func (n *node) importCatalog(w http.ResponseWriter, r *http.Request) {
	src, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxImport))
	if err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return
	}
	doc, err := catalog.ParseYAML(src)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch err := n.catalog.Import(r.Context(), "admin token", doc); {
	case errors.Is(err, catalog.ErrConflict):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
