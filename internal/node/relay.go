package node

import (
	"context"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/relay"
	"millrace/internal/rtmp"
	"millrace/internal/srt"
)

// relay makes what pulls from and pushes to other servers, and tells the hub.
func (n *node) relay(door *admit.Admit) {
	guard := relay.NewGuard(n.cfg.RelayAllow)
	n.web = relay.NewWeb(guard)
	cfg := relay.Config{Guard: guard, Admit: door.Fetch, Fetched: door.Fetched, Ways: n.ways(guard)}
	for _, r := range n.cfg.Pull {
		cfg.Pulls = append(cfg.Pulls, relay.Pull{Domain: n.relayDomain(r.Domain), Stream: r.Stream, From: r.From, Always: r.Always})
	}
	for _, r := range n.cfg.Push {
		cfg.Pushes = append(cfg.Pushes, relay.Push{Domain: n.relayDomain(r.Domain), Stream: r.Stream, To: r.To, Opus: r.Opus})
	}
	m := relay.NewMetrics(n.registry)
	n.puller, n.pusher = relay.NewPuller(cfg, n.hub, n.log, m), relay.NewPusher(cfg, n.hub, n.log, m)
	n.hub.AddSupplier(n.puller)
	n.hub.OnPublish(n.pusher.Published)
}

// relayDomain is the streaming domain of a rule that may name none.
func (n *node) relayDomain(name string) string {
	if d := n.catalog.Snapshot().Default(catalog.Streaming); name == "" && d != nil {
		return d.Name
	}
	return name
}

// ways are how other servers are reached.
func (n *node) ways(guard *relay.Guard) relay.Ways {
	dialer := rtmp.Dialer{Dial: guard.DialContext}
	packets := srt.Dialer{Resolve: guard.Resolve, Latency: n.cfg.SRTLatency}
	play := func(ctx context.Context, url string) (relay.Origin, error) { return dialer.Play(ctx, url) }
	publish := func(ctx context.Context, url string) (relay.Target, error) { return dialer.Publish(ctx, url) }
	playSRT := func(ctx context.Context, url string) (relay.Origin, error) { return packets.Play(ctx, url) }
	publishSRT := func(ctx context.Context, url string) (relay.Target, error) { return packets.Publish(ctx, url) }
	return relay.Ways{
		Play: map[string]relay.Play{
			"rtmp": play, "rtmps": play, "http": n.web.Play, "https": n.web.Play, "srt": playSRT,
		},
		Publish: map[string]relay.Publish{"rtmp": publish, "rtmps": publish, "srt": publishSRT},
	}
}
