package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func admin(asked *[]string) http.Handler {
	return AdminHandler(AdminConfig{Viewers: func(ctx context.Context, stream, id string, most int) ([]Viewer, int) {
		if _, limited := ctx.Deadline(); !limited {
			*asked = append(*asked, "no deadline")
		}
		*asked = append(*asked, stream, id)
		if stream == "none" {
			return nil, 0
		}
		return make([]Viewer, min(most, 3)), 3
	}})
}

func TestAdminPage(t *testing.T) {
	h := admin(new([]string))
	w := get(h, "GET", "/viewers")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<title>Viewers") || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	for _, m := range reference.FindAllStringSubmatch(w.Body.String(), -1) {
		if w := get(h, "GET", m[1]); w.Code != http.StatusOK {
			t.Errorf("%s: %d", m[1], w.Code)
		}
	}
	if w := get(h, "GET", "/"); w.Code != http.StatusFound || w.Header().Get("Location") != "/viewers" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestAdminViewers(t *testing.T) {
	var asked []string
	h := admin(&asked)
	for _, c := range []struct {
		query string
		shown int
		total int
	}{{"", 3, 3}, {"?limit=2", 2, 3}, {"?stream=none", 0, 0}, {"?stream=a&id=b", 3, 3}} {
		w := get(h, "GET", "/api/viewers"+c.query)
		var got Viewers
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.Viewers == nil || len(got.Viewers) != c.shown || got.Total != c.total {
			t.Errorf("%s: %d %s %v", c.query, w.Code, w.Body, err)
		}
	}
	if strings.Join(asked, ",") != ",,,,none,,a,b" {
		t.Errorf("asked for %q", asked)
	}
	for _, bad := range []string{"0", "-1", "many", "5001"} {
		if w := get(h, "GET", "/api/viewers?limit="+bad); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "1 to 5000") {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
}
