package datadir_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
)

// Opening a catalog of 10,000 domains.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "data")
	openAt := func() *datadir.Catalog {
		dir, err := datadir.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		c, err := dir.Catalog(b.Context(), options)
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	var doc catalog.Document
	for i := range 10_000 {
		doc.Domains = append(doc.Domains, catalog.Domain{
			Name: fmt.Sprintf("play%d.test", i), Role: catalog.Streaming,
			Functions: []catalog.Function{
				catalog.RTS(catalog.SubSecond), catalog.Signed("primarykey", "secondarykey", time.Hour),
				{Name: catalog.FuncIPBlack, Args: map[string]string{"ip_list": "10.0.0.0/8,192.0.2.0/24,2001:db8::/32"}},
			},
		})
	}
	c := openAt()
	if err := c.Import(b.Context(), "bench", doc); err != nil {
		b.Fatal(err)
	}
	c.Close()
	for b.Loop() {
		c = openAt()
		b.StopTimer()
		c.Close()
		b.StartTimer()
	}
}
