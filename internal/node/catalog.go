package node

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

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

// auditShown is how many changes are shown unless a request says otherwise.
const auditShown = 200

// audit lists the newest changes of the catalog: who, when, what was before and
// is after, without secrets.
func (n *node) audit(w http.ResponseWriter, r *http.Request) {
	most := auditShown
	if s := r.FormValue("limit"); s != "" {
		var err error
		if most, err = strconv.Atoi(s); err != nil || most < 1 {
			http.Error(w, "limit is a number from 1", http.StatusBadRequest)
			return
		}
	}
	all, err := n.catalog.Audit(r.Context(), most)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
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
