package callback

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"millrace/internal/catalog"
)

// presence is a publisher that was told of, or is about to be. It is in the store
// until its end is delivered, or given up: a node that is killed tells of the end
// when it starts again.
type presence struct {
	Domain string `json:"domain"` // of ingest
	App    string `json:"app"`
	Stream string `json:"stream"`
	Client string `json:"client"`
	Query  string `json:"query,omitempty"`
}

const (
	markPrefix = "online/"
	// markTimeout bounds a write to a store that hangs.
	markTimeout = 5 * time.Second
)

// mark writes down that a publisher is there, before anybody is told, and returns
// the mark, "" where it could not.
func (r *Room) mark(at presence) string {
	r.mu.Lock()
	r.marked = max(r.config.Now().UnixNano(), r.marked+1)
	key := fmt.Sprintf("%s%020d", markPrefix, r.marked)
	r.mu.Unlock()
	value, err := json.Marshal(at)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
		defer cancel()
		_, err = r.config.Online.Put(ctx, catalog.Write{Key: key, Value: value})
	}
	if err != nil {
		r.config.Log.Warn("publisher is not written down: its end is not told if the node dies", "domain", at.Domain, "err", err)
		return ""
	}
	return key
}

// unmark takes a mark away; "" is none.
func (r *Room) unmark(key string) {
	if key == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	e, err := r.config.Online.Get(ctx, key)
	if err == nil {
		_, err = r.config.Online.Put(ctx, catalog.Write{Key: key, Revision: e.Revision})
	}
	if err != nil {
		r.config.Log.Warn("publisher that is gone stays written down", "mark", key, "err", err)
	}
}

// recover tells of the end of publishers that were there when the node died, as of
// now: nobody has seen it. Run delivers it, after what waits.
func (r *Room) recover(ctx context.Context) error {
	left, err := r.config.Online.List(ctx, markPrefix)
	if err != nil {
		return fmt.Errorf("read who was online: %w", err)
	}
	told := map[string]Result{}
	for _, d := range r.Deliveries(func(d *Delivery) bool { return d.Mark != "" && d.Event == "publish_done" }) {
		told[d.Mark] = d.Result
	}
	for _, e := range left {
		var at presence
		result, known := told[e.Key]
		switch err := json.Unmarshal(e.Value, &at); {
		case err != nil:
			r.config.Log.Error("entry of who was online left out", "key", e.Key, "err", err)
		case known && result == "":
			continue // it is in the queue
		case !known && r.tell("publish_done", at, e.Key, nil):
			continue
		}
		r.unmark(e.Key)
	}
	return nil
}
