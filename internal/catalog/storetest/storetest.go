// Package storetest is what every catalog.Store must do.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/internal/catalog"
)

// patience is a liveness bound: what takes longer has hung.
const patience = 30 * time.Second

// Run tests the stores that open returns, each of them empty.
func Run(t *testing.T, open func(t *testing.T) catalog.Store) {
	for name, test := range map[string]func(*testing.T, catalog.Store){
		"write and read": writeAndRead, "revisions": revisions, "keys": keys, "several at once": several, "two writers": twoWriters,
		"watch": watch, "watch a part": watchPart, "watchers end": watchersEnd, "contexts": contexts,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, s catalog.Store, key, value string, rev uint64) uint64 {
	t.Helper()
	next, err := s.Put(t.Context(), catalog.Write{Key: key, Value: []byte(value), Revision: rev})
	if err != nil || next <= rev {
		t.Fatalf("put %s at %d: %d, %v", key, rev, next, err)
	}
	return next
}

func remove(t *testing.T, s catalog.Store, key string, rev uint64) uint64 {
	t.Helper()
	next, err := s.Put(t.Context(), catalog.Write{Key: key, Revision: rev})
	if err != nil || next <= rev {
		t.Fatalf("delete %s at %d: %d, %v", key, rev, next, err)
	}
	return next
}

func wantEntry(t *testing.T, s catalog.Store, key, value string, rev uint64) {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil || e.Key != key || string(e.Value) != value || e.Revision != rev {
		t.Fatalf("got %q %q %d, %v, want %q %q %d", e.Key, e.Value, e.Revision, err, key, value, rev)
	}
}

func wantNone(t *testing.T, s catalog.Store, key string) {
	t.Helper()
	if e, err := s.Get(t.Context(), key); !errors.Is(err, catalog.ErrNotFound) {
		t.Fatalf("%s: %q, %v", key, e.Value, err)
	}
}

func wantConflict(t *testing.T, s catalog.Store, key string, value []byte, rev uint64) {
	t.Helper()
	if _, err := s.Put(t.Context(), catalog.Write{Key: key, Value: value, Revision: rev}); !errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("put %s at %d: %v, want a conflict", key, rev, err)
	}
}

func writeAndRead(t *testing.T, s catalog.Store) {
	wantNone(t, s, "a/b")
	rev := put(t, s, "a/b", "one", 0)
	wantEntry(t, s, "a/b", "one", rev)
	rev = put(t, s, "a/b", "two", rev)
	wantEntry(t, s, "a/b", "two", rev)
	rev = put(t, s, "a/b", "", rev)
	wantEntry(t, s, "a/b", "", rev)
	remove(t, s, "a/b", rev)
	wantNone(t, s, "a/b")
	rev = put(t, s, "a/b", "three", 0)
	wantEntry(t, s, "a/b", "three", rev)
	big := strings.Repeat("x", 300<<10)
	rev = put(t, s, "a/big", big, 0)
	wantEntry(t, s, "a/big", big, rev)
}

func revisions(t *testing.T, s catalog.Store) {
	first := put(t, s, "a/b", "one", 0)
	wantConflict(t, s, "a/b", []byte("two"), 0)
	wantConflict(t, s, "a/b", []byte("two"), first+1)
	wantConflict(t, s, "a/c", []byte("two"), first)
	wantConflict(t, s, "a/b", nil, first+1)
	wantConflict(t, s, "a/b", nil, 0)
	wantConflict(t, s, "a/none", nil, 0)
	wantEntry(t, s, "a/b", "one", first)
	second := put(t, s, "a/b", "two", first)
	wantConflict(t, s, "a/b", []byte("three"), first)
	third := put(t, s, "a/c", "else", 0)
	if third <= second {
		t.Errorf("revision %d after %d", third, second)
	}
	gone := remove(t, s, "a/b", second)
	wantConflict(t, s, "a/b", []byte("three"), second)
	wantConflict(t, s, "a/b", nil, second)
	if again := put(t, s, "a/b", "again", 0); again <= gone {
		t.Errorf("revision %d after %d", again, gone)
	}
}

func keys(t *testing.T, s catalog.Store) {
	all := []string{
		"block/play.test/live/a..b.", "domain/play.test", "domain/play.test.more", "domain/x", "domains/y",
		"k/=2e", "k/UPPER", "k/a b*>", "k/\u00fc\u4e2d", "kk/a",
	}
	for i, key := range slices.Backward(all) {
		put(t, s, key, fmt.Sprint(i), 0)
	}
	for prefix, want := range map[string][]string{
		"": all, "domain/": all[1:4], "block/play.test/": all[:1], "k/": all[5:9], "none/": nil,
	} {
		got, err := s.List(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range got {
			names = append(names, e.Key)
			wantEntry(t, s, e.Key, string(e.Value), e.Revision)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q lists %q, want %q", prefix, names, want)
		}
	}
	e, err := s.Get(t.Context(), "domain/x")
	if err != nil {
		t.Fatal(err)
	}
	remove(t, s, "domain/x", e.Revision)
	if got, err := s.List(t.Context(), "domain/"); err != nil || len(got) != 2 {
		t.Errorf("after a deletion: %v, %v", got, err)
	}
}

// Several writes are made together or not at all.
func several(t *testing.T, s catalog.Store) {
	old := put(t, s, "a/old", "x", 0)
	gone := put(t, s, "a/gone", "x", 0)
	back := put(t, s, "a/back", "x", 0)
	remove(t, s, "a/back", back)
	first, err := s.Put(t.Context(),
		catalog.Write{Key: "a/old", Value: []byte("y"), Revision: old},
		catalog.Write{Key: "a/gone", Revision: gone},
		catalog.Write{Key: "a/back", Value: []byte("z")},
		catalog.Write{Key: "b/new", Value: []byte{}, Life: time.Hour})
	if err != nil || first <= back+1 {
		t.Fatalf("got %d, %v", first, err)
	}
	check := func() {
		t.Helper()
		wantEntry(t, s, "a/old", "y", first)
		wantNone(t, s, "a/gone")
		wantEntry(t, s, "a/back", "z", first+2)
		wantEntry(t, s, "b/new", "", first+3)
		wantNone(t, s, "b/other")
	}
	check()
	for name, bad := range map[string]catalog.Write{
		"another revision":  {Key: "a/old", Value: []byte("no"), Revision: old},
		"there already":     {Key: "a/back", Value: []byte("no")},
		"gone already":      {Key: "a/gone", Value: []byte("no"), Revision: gone},
		"deletes nothing":   {Key: "a/none"},
		"deletes another":   {Key: "a/old", Revision: old},
		"changes no entry":  {Key: "a/none", Value: []byte("no"), Revision: first},
		"deletes the newer": {Key: "b/new", Revision: first},
	} {
		good := catalog.Write{Key: "b/other", Value: []byte("no")}
		for _, writes := range [][]catalog.Write{{good, bad}, {bad, good}} {
			if _, err := s.Put(t.Context(), writes...); !errors.Is(err, catalog.ErrConflict) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		check()
	}
	// More than a store may take in one go from its client.
	var many []catalog.Write
	for i := range 1200 {
		many = append(many, catalog.Write{Key: fmt.Sprintf("many/%04d", i), Value: []byte(fmt.Sprint(i))})
	}
	if first, err = s.Put(t.Context(), many...); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context(), "many/", "b/")
	if err != nil || len(all) != len(many)+1 || all[1200].Revision != first+1199 || string(all[1200].Value) != "1199" {
		t.Errorf("%d entries, %v", len(all), err)
	}
}

// Of writers that count one value up at once, each write of each is there or
// was refused.
func twoWriters(t *testing.T, s catalog.Store) {
	put(t, s, "a/count", "", 0)
	const each = 20
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for done := 0; done < each; {
				e, err := s.Get(t.Context(), "a/count")
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.Put(t.Context(), catalog.Write{Key: "a/count", Value: append(slices.Clone(e.Value), '|'), Revision: e.Revision})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, catalog.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	e, err := s.Get(t.Context(), "a/count")
	if err != nil || len(e.Value) != 2*each {
		t.Errorf("%d of %d writes are there, %v", len(e.Value), 2*each, err)
	}
}

// errSeen ends a watch that has seen what it was to see.
var errSeen = errors.New("seen")

func watch(t *testing.T, s catalog.Store) {
	rev := put(t, s, "a/1", "old", 0)
	put(t, s, "a/1", "one", rev)
	gone := put(t, s, "a/gone", "x", 0)
	remove(t, s, "a/gone", gone)
	put(t, s, "a/2", "two", 0)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	var last uint64
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, func(e catalog.Entry) error {
			switch {
			case e.Key == "":
				close(began)
				return nil
			case e.Revision <= last:
				t.Errorf("revision %d after %d", e.Revision, last)
			case e.Value == nil:
				got = append(got, e.Key+" is gone")
			default:
				got = append(got, e.Key+" "+string(e.Value))
			}
			last = e.Revision
			if e.Key == "z/last" {
				return errSeen
			}
			return nil
		})
	}()
	select {
	case <-began:
	case <-ctx.Done():
		t.Fatal("the beginning did not come")
	}
	rev = put(t, s, "b/new", "three", 0)
	remove(t, s, "b/new", rev)
	put(t, s, "z/last", "", 0)
	if err := <-ended; !errors.Is(err, errSeen) {
		t.Fatalf("got %v", err)
	}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "b/new three" }) // overwritten
	if want := []string{"a/1 one", "a/gone is gone", "a/2 two", "b/new is gone", "z/last "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Who watches a part gets nothing else.
func watchPart(t *testing.T, s catalog.Store) {
	put(t, s, "a/1", "one", 0)
	put(t, s, "b/1", "two", 0)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	err := s.Watch(ctx, func(e catalog.Entry) error {
		got = append(got, e.Key)
		switch e.Key {
		case "":
			put(t, s, "b/2", "", 0)
			put(t, s, "a/2", "", 0)
			put(t, s, "c/2", "", 0)
		case "c/2":
			return errSeen
		}
		return nil
	}, "a/", "c/")
	if want := []string{"a/1", "", "a/2", "c/2"}; !errors.Is(err, errSeen) || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func watchersEnd(t *testing.T, s catalog.Store) {
	put(t, s, "a/1", "one", 0)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := s.Watch(ctx, func(e catalog.Entry) error {
		if e.Key == "" {
			cancel(why)
		}
		return nil
	})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func contexts(t *testing.T, s catalog.Store) {
	rev := put(t, s, "a/1", "one", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, catalog.Write{Key: "a/1", Value: []byte("two"), Revision: rev}); err == nil {
		t.Error("a write without time succeeds")
	}
	if _, err := s.Get(ctx, "a/1"); err == nil {
		t.Error("a read without time succeeds")
	}
	if _, err := s.List(ctx, ""); err == nil {
		t.Error("a list without time succeeds")
	}
}
