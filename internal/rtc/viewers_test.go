package rtc

import (
	"context"
	"testing"

	"millrace/internal/live"
	"millrace/internal/media"
)

// Viewers are told apart by stream and by id, the longest there first, also one
// that has not connected.
func TestViewers(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	other := live.Name{Domain: testName.Domain, App: testName.App, Stream: "other"}
	r.broadcast(testName, ordinary)
	r.broadcast(other, ordinary)
	first := r.watch(wish{})
	second := r.watch(wish{name: other})
	third := r.watch(wish{dontComplete: true})
	first.takes(media.Video, 20)
	second.takes(media.Audio, 5)

	all, total := r.server.Viewers(t.Context(), Which{}, 10)
	if total != 3 || len(all) != 3 {
		t.Fatalf("%d of %d viewers", len(all), total)
	}
	for i, id := range []string{first.id, second.id, third.id} {
		if all[i].ID != id {
			t.Errorf("viewer %d is %s, want %s", i, all[i].ID, id)
		}
	}
	if v := all[0]; v.Stream != testName.String() || v.Peer == "" || v.Packets < 20 || v.Bytes == 0 || v.State == "connecting" || v.Began.IsZero() {
		t.Errorf("%+v", v)
	}
	if v := all[2]; v.State != "connecting" || v.Packets != 0 {
		t.Errorf("%+v", v)
	}
	if few, total := r.server.Viewers(t.Context(), Which{}, 1); total != 3 || len(few) != 1 || few[0].ID != first.id {
		t.Errorf("%+v of %d", few, total)
	}
	for _, which := range []Which{{ID: second.id}, {Stream: other.String()}, {ID: second.id, Stream: other.String()}} {
		if one, total := r.server.Viewers(t.Context(), which, 10); total != 1 || len(one) != 1 || one[0].ID != second.id {
			t.Errorf("%+v: %+v of %d", which, one, total)
		}
	}
	if none, total := r.server.Viewers(t.Context(), Which{ID: first.id, Stream: other.String()}, 10); total != 0 || len(none) != 0 {
		t.Errorf("%+v of %d", none, total)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, total := r.server.Viewers(ended, Which{}, 10); total != 3 {
		t.Errorf("%d viewers", total)
	}
}
