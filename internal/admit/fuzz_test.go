package admit_test

import (
	"errors"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

var (
	safeApp    = regexp.MustCompile(`\A[A-Za-z0-9_-]{1,255}\z`)
	safeStream = regexp.MustCompile(`\A[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}\z`)
	printable  = regexp.MustCompile(`\A[ -~]{1,400}\z`)
)

// FuzzPublish looks for a request that gets an unsafe name past the door, or
// that makes a refusal unfit for a header.
func FuzzPublish(f *testing.F) {
	f.Add("push.half.test", "live", "demo", "/live/demo", "")
	f.Add("[::1]:1935", "live", ".demo", "/live/.demo", "1-2-3-4")
	f.Add("fe80::1%\r\n", "li/ve", "d%00", "%", "\xff----")
	f.Fuzz(func(t *testing.T, host, app, stream, path, token string) {
		hub := live.NewHub(live.Options{})
		defer hub.Close()
		a := admit.New(domains, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		p, err := a.Publish(t.Context(), catalog.Request{
			Protocol: catalog.ARTC, Host: host, App: app, Stream: stream, Path: path, AuthKey: token,
		})
		if err == nil {
			p.Close(reason.ClosedByPeer)
			if !safeApp.MatchString(app) || !safeStream.MatchString(stream) {
				t.Fatalf("admitted %q/%q", app, stream)
			}
			return
		}
		var d *catalog.Denied
		if !errors.As(err, &d) || !printable.MatchString(d.Detail) {
			t.Fatalf("refusal %q", err)
		}
	})
}
