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

// The load tool's viewers get everything that its publishers send, whichever way
// both take.
func TestLoadPlaysWhatItPublishes(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for from, viewer := range map[string]string{"rtmp": "whep", "whip": "whep", "artc": "flv"} {
		urls := n.links(t, from)
		to := map[string]string{"rtmp": urls.Publish.RTMP, "whip": urls.Publish.WHIP, "artc": urls.Publish.ARTC}[from]
		publishing, stop := context.WithCancel(ctx)
		var publisher errgroup.Group
		publisher.Go(func() error { return load.Publish(publishing, to, load.Source{Picture: load.FullHD}) })
		n.live(t, from)
		r, err := load.Run(ctx, load.Options{
			URL: map[string]string{"whep": urls.Play.WHEP, "flv": urls.Play.FLV}[viewer], Viewers: 5, Joins: 50,
			For: 500 * time.Millisecond, Settle: 600 * time.Millisecond, PID: os.Getpid(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Failed != 0 || r.Viewers != 5 || r.Lost != 0 || r.Wrong != 0 || r.Trouble() != "" {
			t.Errorf("%s: %+v", from, r)
		}
		if r.CPU == 0 || r.Delay.P50 == 0 || r.First.P95 == 0 || r.Key.P95 == 0 {
			t.Errorf("%s: %+v", from, r)
		}
		stop()
		if err := publisher.Wait(); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// Viewers that lose packets get all pictures in the end, by asking again.
func TestLoadRepairsLosses(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	urls := n.links(t, "load")
	publishing, stop := context.WithCancel(ctx)
	var publisher errgroup.Group
	publisher.Go(func() error { return load.Publish(publishing, urls.Publish.WHIP, load.Source{Picture: load.FullHD}) })
	n.live(t, "load")
	r, err := load.Loss(ctx, load.LossOptions{
		URL: urls.Play.WHEP, Viewers: 2, For: time.Second, Settle: 1500 * time.Millisecond, Within: patience, Feedback: load.TransportWide,
		Network: load.Network{RTT: 100 * time.Millisecond, Loss: .05},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Expected == 0 || r.InTime < .8 || r.Repeats == 0 || r.Wrong != 0 || r.Delay.P50 < 50 {
		t.Errorf("%+v", r)
	}
	stop()
	if err := publisher.Wait(); err != nil {
		t.Error(err)
	}
}

// Viewers come and go; each gets its beginning and what was published, and
// nothing of theirs stays in the tool.
func TestLoadComesAndGoes(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	urls := n.links(t, "load")
	publishing, stop := context.WithCancel(ctx)
	var publisher errgroup.Group
	publisher.Go(func() error { return load.Publish(publishing, urls.Publish.WHIP, load.Source{Picture: load.FullHD}) })
	n.live(t, "load")
	rows := 0
	r, err := load.Churn(ctx, load.ChurnOptions{
		URL: urls.Play.WHEP, Rate: 20, Viewers: 4, For: 1500 * time.Millisecond, Every: 500 * time.Millisecond, Vanish: .2, Verify: true, PID: os.Getpid(),
	}, func(load.ChurnRow) { rows++ })
	if err != nil {
		t.Fatal(err)
	}
	if rows < 2 || rows != len(r.Rows) || r.All.Joins == 0 || r.All.Failed != 0 || r.All.Wrong != 0 || r.All.Connect.P95 == 0 || r.Left() != 0 {
		t.Errorf("%d rows: %+v", rows, r)
	}
	j, err := load.Join(ctx, load.JoinOptions{URLs: []string{urls.Play.WHEP, urls.Play.WHEP}, Joins: 2, Every: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if j.Failed != 0 || j.NoKey != 0 || !j.Switched || j.Key.P50 == 0 || j.Key.P50 < j.Connect.P50 {
		t.Errorf("%+v", j)
	}
	stop()
	if err := publisher.Wait(); err != nil {
		t.Error(err)
	}
}
