package control

import (
	"fmt"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// places are the streams that are published, or about to be: by ingest domain,
// then by name, how many publishers there are. A second one of a name, which may
// take it over, needs no further place.
type places map[string]map[string]int

// Most is how many streams may be published to one ingest domain, 0 for any number.
func (r *Room) Most() int { return r.config.Most }

// Enter takes a place among the streams of an ingest domain. Published gives it
// back when the publisher ends; where none comes to be, whoever has entered calls
// Leave. The error is a *catalog.Denied.
func (r *Room) Enter(domain, app, stream string) error {
	name := app + "/" + stream
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.places[domain]
	if most := r.config.Most; most > 0 && at[name] == 0 && len(at) >= most {
		return &catalog.Denied{Reason: reason.Limit, Detail: fmt.Sprintf("%d streams are published to %s, which is the most", most, domain)}
	}
	if at == nil {
		at = map[string]int{}
		r.places[domain] = at
	}
	at[name]++
	return nil
}

// Leave gives a place back.
func (r *Room) Leave(domain, app, stream string) {
	name := app + "/" + stream
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.places[domain]
	if at[name] > 1 {
		at[name]--
		return
	}
	delete(at, name)
	if len(at) == 0 {
		delete(r.places, domain)
	}
}
