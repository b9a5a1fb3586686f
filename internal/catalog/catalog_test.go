package catalog_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
)

func open(t testing.TB, s catalog.Store) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), s, catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filled is a catalog of the first two domains and another pair.
func filled(t testing.TB) (*catalog.Catalog, catalog.Store) {
	t.Helper()
	s := mem.New()
	c := open(t, s)
	ctx := t.Context()
	for _, err := range []error{
		c.Fill(ctx, "test", catalog.First()),
		c.AddDomain(ctx, "test", catalog.Domain{Name: "Push.Example.com", Role: catalog.Ingest}),
		c.AddDomain(ctx, "test", catalog.Domain{Name: "play.example.com", Role: catalog.Streaming}),
		c.Associate(ctx, "test", "push.example.com", "play.example.com"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c, s
}

func TestNewDomain(t *testing.T) {
	c, store := filled(t)
	d := c.Snapshot().Domain("push.example.com")
	if d == nil || d.Main != "play.example.com" || d.Status != catalog.Online || d.Region != catalog.DefaultRegion || d.CNAME == "" || d.Created.IsZero() {
		t.Fatalf("got %+v", d)
	}
	if !d.Auth.Enabled || len(d.Auth.PrimaryKey) < 16 || d.Auth.Validity != 24*time.Hour {
		t.Errorf("signing %+v", d.Auth)
	}
	if out := c.Snapshot().Domain("play.example.com"); out.Mode != catalog.Off || out.Main != out.Name {
		t.Errorf("streaming domain %+v", out)
	}
	if again := open(t, store).Snapshot().Domain("push.example.com"); again.Auth.PrimaryKey != d.Auth.PrimaryKey || again.Revision != d.Revision {
		t.Errorf("read again: %+v", again)
	}
}

func TestRefusedChanges(t *testing.T) {
	c, _ := filled(t)
	add := func(name string, role catalog.Role) func(context.Context) error {
		return func(ctx context.Context) error {
			return c.AddDomain(ctx, "test", catalog.Domain{Name: name, Role: role})
		}
	}
	set := func(name string, f catalog.Function) func(context.Context) error {
		return func(ctx context.Context) error {
			return c.SetFunctions(ctx, "test", []string{name}, []catalog.Function{f})
		}
	}
	for name, f := range map[string]func(context.Context) error{
		"exists":        add("play.example.com", catalog.Ingest),
		"wildcard":      add("*.example.com", catalog.Ingest),
		"no host name":  add("a_b.example.com", catalog.Ingest),
		"neither":       add("a.example.com", "edge"),
		"changed role":  nil,
		"not found":     func(ctx context.Context) error { return c.DeleteDomain(ctx, "test", "none.test") },
		"in use":        func(ctx context.Context) error { return c.DeleteDomain(ctx, "test", "play.example.com") },
		"is associated": func(ctx context.Context) error { return c.Associate(ctx, "test", "push.example.com", "play.localhost") },
		"is no ingest domain": func(ctx context.Context) error {
			return c.Associate(ctx, "test", "play.localhost", "play.example.com")
		},
		"main domain of others": func(ctx context.Context) error {
			return c.AssociateSub(ctx, "test", "play.example.com", "play.localhost")
		},
		"is not that of play.example.com": func(ctx context.Context) error {
			return c.ChangeDomain(ctx, "test", "push.example.com", func(d *catalog.Domain) error { d.Region = "elsewhere"; return nil })
		},
		"rts is for streaming domains": set("push.example.com", catalog.RTS(catalog.SubSecond)),
		"auth_key1 is missing":         set("play.example.com", catalog.Function{Name: "aliauth", Args: map[string]string{"auth_type": "type_a"}}),
		"no number of seconds":         set("play.example.com", catalog.Signed("k", "", time.Second)),
		"is no function here":          set("play.example.com", catalog.Function{Name: "magic"}),
		"is no argument":               set("play.example.com", catalog.Function{Name: "https_force", Args: map[string]string{"enabled": "on"}}),
		"half-second mode":             set("play.example.com", catalog.Function{Name: "rts_relay", Args: map[string]string{"enable": "on", "target_push_domain": "push.localhost"}}),
		"no record with configId 99":   set("play.example.com", catalog.Function{ID: 99, Name: "https_force", Args: map[string]string{"enable": "on"}}),
		"neither an IP address":        set("play.example.com", catalog.Function{Name: "ip_black_list_set", Args: map[string]string{"ip_list": "10.0.0.0/8,here"}}),
	} {
		if f == nil {
			continue
		}
		before := c.Snapshot()
		if err := f(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if c.Snapshot() != before {
			t.Errorf("%s: something has changed", name)
		}
	}
}

func TestQuota(t *testing.T) {
	c, _ := filled(t)
	var err error
	for i := range 30 {
		if err = c.AddDomain(t.Context(), "test", catalog.Domain{Name: strings.Repeat("a", i+1) + ".test", Role: catalog.Ingest}); err != nil {
			break
		}
	}
	if n := len(c.Snapshot().Domains()); !errors.Is(err, catalog.ErrQuota) || n != 2+catalog.DefaultQuota {
		t.Errorf("%d domains, %v", n, err)
	}
}

// Two nodes share a store: each sees what the other changes, and of two changes
// of one entry one is refused.
func TestTwoNodes(t *testing.T) {
	one, store := filled(t)
	two := open(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	offline := func(d *catalog.Domain) error { d.Status = catalog.Offline; return nil }
	if err := one.ChangeDomain(ctx, "one", "play.example.com", offline); err != nil {
		t.Fatal(err)
	}
	if err := two.ChangeDomain(ctx, "two", "play.example.com", offline); !errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("the second change: %v", err)
	}
	if err := one.DeleteDomain(ctx, "one", "push.example.com"); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- two.Run(ctx) }()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for two.Snapshot().Domain("push.example.com") != nil || two.Snapshot().Domain("play.example.com").Status != catalog.Offline {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the other node does not see the change")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAudit(t *testing.T) {
	c, _ := filled(t)
	err := c.SetFunctions(t.Context(), "somebody", []string{"play.example.com"}, []catalog.Function{catalog.Signed("a new key", "", time.Hour)})
	if err == nil {
		t.Fatal("a key with blanks is taken")
	}
	err = c.SetFunctions(t.Context(), "somebody", []string{"play.example.com"}, []catalog.Function{catalog.Signed("newkey", "", time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Audit(t.Context(), 1000)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	e := all[0]
	if e.By != "somebody" || e.Key != "domain/play.example.com" || e.Before == nil || !strings.Contains(string(e.After), "sha256:") || strings.Contains(string(e.After), "newkey") {
		t.Errorf("got %s %s %s %s", e.By, e.Key, e.Before, e.After)
	}
}
