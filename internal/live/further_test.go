package live

import (
	"errors"
	"testing"
	"testing/synctest"

	"millrace/internal/reason"
)

// A publisher's further tracks are streams beside the first: whoever has the name
// has them, too, at once, and nobody else gets to them.
func TestFurtherTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		var published []Name
		h.OnPublish(func(n Name) { published = append(published, n) })
		first := publishTracks(t, h, testName)
		further, err := first.Further("video1")
		if err != nil {
			t.Fatal(err)
		}
		name := testName
		name.Track = "video1"
		if further.Name() != name || name.String() != testName.String()+"?track=video1" || name.Source() != name {
			t.Errorf("it is %v", further.Name())
		}
		further.Announce(testVideo, nil)
		write(t, further, picture(0, true))
		if r := subscribe(t, h, name); r.Name() != name {
			t.Errorf("reads %v", r.Name())
		}
		pass(silence)

		second := publishTracks(t, h, testName)
		wantErr(t, first.Err(), ErrReplaced)
		if _, err := first.Further("video2"); err == nil {
			t.Error("who has lost the name gets another track of it")
		}
		write(t, further, picture(40, false)) // not silent
		again, err := second.Further("video1")
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, further.Err(), ErrReplaced)
		again.Announce(testVideo, nil)
		if len(published) != 2 {
			t.Errorf("told of %v", published)
		}
	})
}

// Whose stream is forbidden loses its further tracks, too, and their readers end at
// once, whichever came first.
func TestForbiddenFurtherTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		further, err := p.Further("video1")
		if err != nil {
			t.Fatal(err)
		}
		further.Announce(testVideo, nil)
		r := subscribe(t, h, further.Name())
		p.Forbid()
		wantErr(t, further.Err(), ErrKicked)
		_, err = r.Next(t.Context())
		wantErr(t, err, ErrForbidden)
		further.Close(reason.Kicked) // as its owner does next
		if _, err := p.Further("video2"); !errors.Is(err, ErrKicked) || len(h.Stats()) != 0 {
			t.Errorf("another track: %v, %v", err, h.Stats())
		}
	})
}
