package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"millrace/internal/admit"
	"millrace/internal/banner"
	"millrace/internal/callback"
	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/console"
	"millrace/internal/control"
	"millrace/internal/datadir"
	"millrace/internal/demo"
	"millrace/internal/hls"
	"millrace/internal/httplive"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/openapi"
	"millrace/internal/pair"
	"millrace/internal/relay"
	"millrace/internal/rtc"
	"millrace/internal/rtmp"
	"millrace/internal/signal"
	"millrace/internal/srt"
	"millrace/internal/transcode"
	"millrace/internal/wire/rtp"
)

// stopTimeout is how long requests that are being answered may take when the
// node stops. Streams and sessions are ended before; a connection on which a
// browser has not asked anything yet is not worth waiting for.
const stopTimeout = 1500 * time.Millisecond

// Run runs a node until ctx ends, then stops it gracefully. It prints what to
// open on out once everything listens. It returns nil after a stop that ctx
// asked for, and an error when the node cannot start or cannot go on.
func Run(ctx context.Context, version string, cfg config.Config, out io.Writer, log *slog.Logger) error {
	n, err := start(cfg, log)
	if err != nil {
		return err
	}
	facts, err := n.facts(version, time.Now())
	if err != nil {
		n.close()
		return err
	}
	return n.serve(ctx, func() { banner.Print(out, facts) })
}

// node is what start has opened.
type node struct {
	cfg      config.Config
	log      *slog.Logger
	catalog  *datadir.Catalog
	open     *listeners
	hub      *live.Hub
	rtc      *rtc.Server
	rtmp     *rtmp.Server
	srt      *srt.Server // nil: off
	flv      *httplive.Server
	hls      *hls.Server
	signal   *signal.Server
	puller   *relay.Puller
	pusher   *relay.Pusher
	web      *relay.Web
	registry *prometheus.Registry
	token    string // of the admin port
	control  *control.Room
	callback *callback.Room
	api      *openapi.Server
	firstKey catalog.AccessKey // made by this start, or empty
}

// start opens the data directory and all listeners. Nothing runs yet.
func start(cfg config.Config, log *slog.Logger) (*node, error) {
	dir, err := datadir.Open(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	token, err := dir.AdminToken()
	if err != nil {
		return nil, err
	}
	var taken *datadir.Taken
	all, err := dir.Catalog(context.Background(), catalog.Options{Adjust: adjust(cfg), Quota: cfg.DomainQuota, AuditBytes: int64(cfg.AuditMiB) << 20, Now: time.Now, Log: log})
	if errors.As(err, &taken) {
		return nil, fmt.Errorf("%w: stop that one, or give this one a directory of its own with --data-dir", err)
	}
	if err != nil {
		return nil, err
	}
	n := &node{cfg: cfg, log: log, catalog: all, registry: prometheus.NewRegistry(), token: token}
	n.registry.MustRegister(auditCollector{all.AuditSize()}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if n.firstKey, err = all.FirstKey(context.Background()); err != nil {
		all.Close()
		return nil, err
	}
	if n.open, err = listen(cfg, dir, all.Snapshot); err != nil {
		all.Close()
		return nil, err
	}
	if err := n.openACME(); err != nil {
		n.open.close()
		all.Close()
		return nil, err
	}
	n.rtc, err = rtc.Listen(rtc.Config{Addr: cfg.RTCAddr, IPs: cfg.RTCIPs}, log, rtc.NewMetrics(n.registry))
	if err != nil {
		n.open.close()
		all.Close()
		return nil, plain("rtc-addr", cfg.RTCAddr, err)
	}
	n.hub = live.NewHub(live.Options{
		Log: log, TakeOver: cfg.AlwaysTakeOver(), TailBytes: cfg.TailMiB << 20, TailAge: cfg.TailAge, NewPacketizer: func() live.Packetizer { return rtp.New() },
		NewAssembler: func(video, audio *media.Track) live.Assembler { return rtp.NewAssembler(video, audio) },
	})
	n.hub.AddSupplier(transcode.NewSupplier(n.hub, transcode.Options{
		FFmpeg: transcode.FindFFmpeg(), Metrics: transcode.NewMetrics(n.registry), Log: log,
	}))
	n.hub.AddSupplier(pair.NewSupplier(n.hub, log))
	if err := n.openControl(); err != nil {
		n.close()
		return nil, err
	}
	door := admit.New(all.Snapshot, n.hub, time.Now, log, n.control, n.callback)
	door.Bound(n.control)
	n.relay(door)
	n.rtmp = rtmp.New(rtmp.Config{}, door, log, rtmp.NewMetrics(n.registry))
	if err := n.listenSRT(door); err != nil {
		n.close()
		return nil, err
	}
	n.flv = httplive.New(httplive.Config{}, door, log, httplive.NewMetrics(n.registry))
	n.hls = hls.New(hls.Config{MaxBytes: cfg.TailMiB << 20}, door, log, hls.NewMetrics(n.registry))
	n.signal = signal.New(signal.Config{Ready: n.rtc.Ready}, door, n.rtc, log, signal.NewMetrics(n.registry))
	n.registry.MustRegister(streamCollector{n.hub})
	return n, nil
}

// serve runs all rooms until ctx ends or one of them fails. It calls ready when
// everything is being served.
func (n *node) serve(ctx context.Context, ready func()) error {
	// The rooms outlive the HTTP servers by a little: sessions are ended with a
	// goodbye in the words of their protocol.
	rooms, stopRooms := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRooms()
	var publish func(context.Context) error
	if n.demoRuns() {
		var err error
		if publish, err = n.demo(); err != nil {
			n.close()
			return err
		}
	}
	defer n.catalog.Close()
	if err := n.catalog.Announce(n.open.admin.Addr().String()); err != nil {
		n.close()
		return err
	}
	all, failed := errgroup.WithContext(ctx)
	all.Go(func() error { return n.catalog.Run(rooms) })
	all.Go(func() error { n.control.Run(rooms); return nil })
	all.Go(func() error { n.callback.Run(rooms); return nil })
	all.Go(func() error { n.api.Run(rooms); return nil })
	if n.open.acme != nil {
		all.Go(func() error { n.open.acme.Run(rooms); return nil })
	}
	all.Go(func() error { return n.rtc.Serve(rooms) })
	all.Go(func() error { return n.puller.Run(rooms) })
	all.Go(func() error { return n.pusher.Run(rooms) })
	all.Go(func() error { return n.rtmp.Serve(rooms, n.open.rtmp, catalog.RTMP) })
	if n.srt != nil {
		all.Go(func() error { return n.srt.Serve(rooms) })
	}
	if n.open.rtmps != nil {
		all.Go(func() error { return n.rtmp.Serve(rooms, n.open.rtmps, catalog.RTMPS) })
	}
	web := n.webServers()
	for _, w := range web {
		all.Go(w.serve)
	}
	if publish != nil {
		all.Go(func() error { return publish(failed) })
	}
	ready()
	all.Go(func() error {
		<-failed.Done()
		n.log.Info("stopping")
		n.flv.Close()
		n.hls.Close()
		n.hub.Close()
		stopRooms()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(failed), stopTimeout)
		defer cancel()
		for _, w := range web {
			if err := w.server.Shutdown(ctx); err != nil {
				_ = w.server.Close() // what is left after the deadline is cut
			}
		}
		return nil
	})
	if err := all.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	n.web.Close()
	n.log.Info("stopped")
	return nil
}

// demo returns what publishes the demo.
func (n *node) demo() (func(context.Context) error, error) {
	url, err := n.demoURL(time.Now())
	if err != nil {
		return nil, err
	}
	p, err := demo.NewPublisher(n.log)
	if err != nil {
		return nil, fmt.Errorf("load demo: %w", err)
	}
	return func(ctx context.Context) error { return p.Run(ctx, url) }, nil
}

// close closes what start has opened, for a node that will not be served.
func (n *node) close() {
	n.open.close()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.rtc.Serve(done) // closes its sockets and returns
	if n.srt != nil {
		_ = n.srt.Serve(done)
	}
	n.hub.Close()
	n.catalog.Close()
}

// listenSRT opens the SRT port, unless it is off.
func (n *node) listenSRT(door *admit.Admit) error {
	if n.cfg.SRTAddr == "" {
		return nil
	}
	var err error
	n.srt, err = srt.Listen(srt.Config{Addr: n.cfg.SRTAddr, Passphrase: n.cfg.SRTPassphrase, Latency: n.cfg.SRTLatency},
		door, n.log, srt.NewMetrics(n.registry))
	return plain("srt-addr", n.cfg.SRTAddr, err)
}

// page is the handler of the player page.
func (n *node) page() http.Handler {
	return console.Handler(n.console())
}

// adjust is what the boot configuration makes of the default domains, whatever
// the catalog says.
func adjust(cfg config.Config) func(*catalog.Domain) {
	return func(d *catalog.Domain) {
		if !d.Default {
			return
		}
		if cfg.NoAuth {
			d.Auth.Enabled = false
		}
		if m := cfg.Mode(); m != "" && d.Role == catalog.Streaming {
			d.Mode = m
		}
	}
}
