package node

import (
	"context"
	"net"
	"time"

	"millrace/internal/callback"
	"millrace/internal/control"
	"millrace/internal/openapi"
)

// How long the store keeps histories, whatever the rooms say.
const (
	historyLife = 90 * 24 * time.Hour
	weekLife    = 7 * 24 * time.Hour
)

// openControl opens the lists of what publishers did, and the API.
func (n *node) openControl() error {
	ctx := context.Background()
	history, err := n.catalog.Store.Bucket(ctx, "history", historyLife)
	if err != nil {
		return err
	}
	actions, err := n.catalog.Store.Bucket(ctx, "actions", weekLife)
	if err != nil {
		return err
	}
	callbacks, err := n.catalog.Store.Bucket(ctx, "callbacks", weekLife)
	if err != nil {
		return err
	}
	online, err := n.catalog.Store.Bucket(ctx, "online", 0)
	if err != nil {
		return err
	}
	nonces, err := n.catalog.Store.Bucket(ctx, "nonces", 0)
	if err != nil {
		return err
	}
	n.control, err = control.New(ctx, control.Config{
		Snapshot: n.catalog.Snapshot, History: history, Actions: actions, Most: n.cfg.StreamQuota, Now: time.Now, Log: n.log,
	})
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(n.open.rtmp.Addr().String())
	if err != nil || net.ParseIP(host).IsUnspecified() {
		host = outsideHost(n.cfg)
	}
	n.callback, err = callback.New(ctx, callback.Config{
		Snapshot: n.catalog.Snapshot, Store: callbacks, Online: online, Node: host, Private: n.cfg.CallbackPrivate, Now: time.Now, Log: n.log,
	})
	if err != nil {
		return err
	}
	api := openapi.Config{
		Catalog: n.catalog.Catalog, Streams: n.control, Stats: n.hub.Stats, Deliveries: n.callback.Deliveries, Nonces: nonces, Node: host, Now: time.Now, Log: n.log,
	}
	if n.open.acme != nil {
		api.Free = n.open.acme.CertificateOf
	}
	n.api, err = openapi.New(ctx, api)
	return err
}
