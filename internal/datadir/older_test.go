package datadir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// older makes a store as earlier installations had it: without batches, the audit
// log in a bucket of its own.
func older(t *testing.T, path string) {
	t.Helper()
	files := filepath.Join(path, "store")
	if err := os.MkdirAll(files, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := server.NewServer(&server.Options{ServerName: "millrace", DontListen: true, NoSigs: true, JetStream: true, StoreDir: files, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	defer n.WaitForShutdown()
	defer n.Shutdown()
	if !n.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not get ready")
	}
	conn, err := nats.Connect("", nats.InProcessServer(n))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	put := func(bucket string, age time.Duration, entries ...string) {
		kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: bucket, TTL: age, LimitMarkerTTL: time.Hour, Storage: jetstream.FileStorage})
		for i := 0; err == nil && i < len(entries); i += 2 {
			_, err = kv.Create(t.Context(), entries[i], []byte(entries[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("catalog", 0, "meta.filled", "{}", "domain.old=2etest",
		`{"name":"old.test","type":"streaming","main":"old.test","default":true,"region":"local","scope":"domestic","status":"online","cname":"old.test.c.local"}`)
	put("audit", 180*24*time.Hour,
		fmt.Sprintf("audit.%020d", 2), `{"at":"2026-01-01T00:00:00Z","by":"first","key":"domain/old.test","after":{"name":"old.test"}}`,
		fmt.Sprintf("audit.%020d", 3), `{"at":"2026-01-02T00:00:00Z","by":"second","key":"domain/old.test","before":{},"after":{"name":"old.test"}}`)
}

// An older store opens with all that was in it, its audit log included.
func TestOlderStore(t *testing.T) {
	path := t.TempDir()
	older(t, path)
	c := openCatalog(t, path)
	if err := c.ChangeDomain(t.Context(), "third", "old.test", func(d *catalog.Domain) error { d.Status = catalog.Offline; return nil }); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c = openCatalog(t, path)
	if d := c.Snapshot().Domain("old.test"); d == nil || d.Status != catalog.Offline {
		t.Errorf("got %+v", d)
	}
	all, err := c.Audit(t.Context(), 10)
	if err != nil || len(all) != 3 || all[0].By != "third" || all[1].By != "second" || all[2].By != "first" {
		t.Errorf("got %+v, %v", all, err)
	}
	if most, err := c.Audit(t.Context(), 2); err != nil || len(most) != 2 || most[1].By != "second" {
		t.Errorf("the newest two: %+v, %v", most, err)
	}
}
