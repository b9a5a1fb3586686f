package node

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/internal/config"
	"millrace/internal/load"
)

// The load tool's viewers get everything that its publisher sends.
func TestLoadPlaysWhatItPublishes(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	urls := n.links(t, "load")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	publishing, stop := context.WithCancel(ctx)
	var publisher errgroup.Group
	publisher.Go(func() error { return load.Publish(publishing, urls.Publish.RTMP, load.FullHD) })
	n.live(t, "load")
	r, err := load.Run(ctx, load.Options{
		WHEP: urls.Play.WHEP, Viewers: 5, Joins: 50, For: 500 * time.Millisecond, Settle: 1200 * time.Millisecond, PID: os.Getpid(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 0 || r.Viewers != 5 || r.Lost != 0 {
		t.Errorf("%+v", r)
	}
	if r.Packets < 5*100 || r.CPU == 0 || r.Delay[0] == 0 || r.First[1] == 0 {
		t.Errorf("%+v", r)
	}
	stop()
	if err := publisher.Wait(); err != nil {
		t.Error(err)
	}
}
