package rtc

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// Viewing is a viewer's session and what is known of it.
type Viewing struct {
	Detail
	// ID is that of the session, Stream the name of what it plays, Peer the
	// address that its media goes to, "" before there is one.
	ID, Stream, Peer string
	Began            time.Time
}

// Which says which viewers are meant; what is "" does not matter.
type Which struct {
	ID     string // of the session
	Stream string // its name, as in the log; that of a source means its variants, too
}

func (w Which) is(ses *session) bool {
	if ses.viewer == nil || w.ID != "" && ses.id != w.ID {
		return false
	}
	n := ses.reader().Name()
	return w.Stream == "" || n.String() == w.Stream || n.Source().String() == w.Stream
}

// Viewers returns up to most viewers, the longest there first, and how many
// there are in all. It waits for each shard once, as long as ctx lives; viewers
// of a shard that does not answer, or that have left meanwhile, are not among
// those returned.
func (s *Server) Viewers(ctx context.Context, which Which, most int) (viewers []Viewing, total int) {
	var all []*session
	s.mu.RLock()
	for _, ses := range s.ids {
		if which.is(ses) {
			all = append(all, ses)
		}
	}
	s.mu.RUnlock()
	total = len(all)
	slices.SortFunc(all, func(a, b *session) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	all = all[:min(most, total)]
	asked := map[*shard][]*viewer{}
	for _, ses := range all {
		asked[ses.viewer.shard] = append(asked[ses.viewer.shard], ses.viewer)
	}
	answers := make(chan map[*viewer]Detail, len(asked))
	waiting := 0
	for sh, some := range asked {
		if sh.request(command{kind: cmdDetails, viewers: some, details: answers}) {
			waiting++
		}
	}
	known := map[*viewer]Detail{}
	for ctx.Err() == nil && waiting > 0 {
		select {
		case some := <-answers:
			maps.Copy(known, some)
			waiting--
		case <-ctx.Done(): // what is known has to do
		}
	}
	for _, ses := range all {
		d, ok := known[ses.viewer]
		if !ok {
			continue
		}
		w := Viewing{Detail: d, ID: ses.id, Stream: ses.reader().Name().String(), Began: ses.created}
		if p := ses.path.Load(); p != nil {
			w.Peer = p.addr.String()
		}
		viewers = append(viewers, w)
	}
	return viewers, total
}

// details is called by the viewers' shard.
func (sh *shard) details(viewers []*viewer, now int64) map[*viewer]Detail {
	known := make(map[*viewer]Detail, len(viewers))
	for i, v := range viewers {
		if !v.left {
			known[v] = v.detail(now)
		}
		sh.yield(i)
	}
	return known
}
