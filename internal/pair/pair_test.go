package pair

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	name  = live.Name{Domain: "d", App: "live", Stream: "s"}
	video = [2]*media.Track{{Kind: media.Video, Codec: media.H264}, {Kind: media.Video, Codec: media.H264, Width: 2}}
	audio = [2]*media.Track{{Kind: media.Audio, Codec: media.AAC}, {Kind: media.Audio, Codec: media.AAC, Channels: 2}}
)

// stage is a hub with a publisher of two tracks of each kind, whose streams have
// scales of their own.
type stage struct {
	hub  *live.Hub
	pubs map[string]*live.Publisher
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{hub: live.NewHub(live.Options{}), pubs: map[string]*live.Publisher{}}
	t.Cleanup(s.hub.Close)
	s.hub.AddSupplier(NewSupplier(s.hub, slog.New(slog.DiscardHandler)))
	first, err := s.hub.Publish(name, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	s.pubs[""] = first
	for _, track := range []string{"video1", "audio1"} {
		if s.pubs[track], err = first.Further(track); err != nil {
			t.Fatal(err)
		}
	}
	first.Announce(video[0], audio[0])
	s.pubs["video1"].Announce(video[1], audio[0])
	s.pubs["audio1"].Announce(video[0], audio[1])
	return s
}

// send writes what the publisher sends at a time to the streams of tracks, each on a
// scale of its own.
func (s *stage) send(t *testing.T, at time.Duration, tracks ...string) {
	t.Helper()
	for _, track := range tracks {
		v, a := video[0], audio[0]
		scale := media.Time(at)
		switch track {
		case "video1":
			v, scale = video[1], scale+5e9
		case "audio1":
			a, scale = audio[1], scale+11e9
		}
		for _, tr := range []*media.Track{v, a} {
			f := &media.Frame{Track: tr, DTS: scale, PTS: scale, Key: tr.Kind == media.Audio || at <= 300*time.Millisecond, Data: []byte{byte(tr.Kind), byte(tr.Width), byte(tr.Channels)}}
			if err := s.pubs[track].Write(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func of(tracks string) live.Name {
	n := name
	n.Track = tracks
	return n
}

// TestPair wants pictures of one track and sound of the other, in step, whichever
// stream began first.
func TestPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.send(t, 0, "", "video1")
		<-time.After(300 * time.Millisecond)
		s.send(t, 300*time.Millisecond, "", "video1", "audio1")
		r, err := s.hub.Subscribe(t.Context(), of("video1,audio1"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if v, a := r.Tracks(); v != video[1] || a != audio[1] {
			t.Errorf("its tracks are %+v and %+v", v, a)
		}
		synctest.Wait() // what there was has been taken
		const more = 20
		for i := range more {
			<-time.After(100 * time.Millisecond)
			s.send(t, 400*time.Millisecond+time.Duration(i)*100*time.Millisecond, "", "video1", "audio1")
		}
		synctest.Wait()
		last := map[media.Kind]*media.Frame{}
		for n := 0; n < more; {
			f, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f.Track != video[1] && f.Track != audio[1] {
				t.Fatalf("a frame of %+v", f.Track)
			}
			last[f.Track.Kind] = f
			if f.Track.Kind == media.Audio {
				n++
			}
		}
		v, a := last[media.Video], last[media.Audio]
		if apart := time.Duration(v.PTS-a.PTS) - time.Duration(v.Capture-a.Capture); apart > 20*time.Millisecond || apart < -20*time.Millisecond {
			t.Errorf("they are %v out of step", apart)
		}

		s.pubs[""].Forbid()
		for err == nil {
			_, err = r.Next(t.Context())
		}
		if !errors.Is(err, live.ErrForbidden) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestNoPair wants who asks for a track that is not there told so, and a pair that
// nobody reads any more gone.
func TestNoPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.send(t, 0, "", "video1", "audio1")
		for _, tracks := range []string{"video1,audio2", "video2,audio1"} {
			if _, err := s.hub.Subscribe(t.Context(), of(tracks)); live.ReasonOf(err) != reason.NotFound {
				t.Errorf("%s: %v", tracks, err)
			}
		}
		r, err := s.hub.Subscribe(t.Context(), of("video1,audio1"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r.Next(ctx); err != nil {
			t.Error(err)
		}
		r.Close()
		<-time.After(10 * time.Second)
		synctest.Wait()
		if got := s.hub.Stats(); len(got) != 3 {
			t.Errorf("left are %+v", got)
		}
	})
}

// TestPicturesDoNotCome wants a pair of sound alone ended in the time that a stream
// has to start.
func TestPicturesDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		r, err := s.hub.Subscribe(t.Context(), of("video1,audio1"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		began := time.Now()
		for at := range 30 {
			f := &media.Frame{Track: audio[1], DTS: media.Time(at) * 1e9, PTS: media.Time(at) * 1e9, Key: true}
			if err := s.pubs["audio1"].Write(f); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
		}
		if _, err := r.Next(t.Context()); !errors.Is(err, live.ErrLate) {
			t.Errorf("it ended with %v after %v", err, time.Since(began))
		}
	})
}

// TestDescription wants a pair described as its pictures are, also where that changes,
// and not ended after the time that they had to come.
func TestDescription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		first, second := media.Metadata{Members: []byte("first")}, media.Metadata{Members: []byte("second")}
		s.pubs["video1"].Describe(first)
		s.send(t, 0, "video1", "audio1")
		r, err := s.hub.Subscribe(t.Context(), of("video1,audio1"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := r.Description(); string(got.Members) != "first" {
			t.Errorf("it is described by %q", got.Members)
		}
		synctest.Wait()
		<-time.After(2 * live.StartWait)
		s.pubs["video1"].Describe(second)
		s.send(t, 0, "video1", "audio1")
		synctest.Wait()
		if got := r.Description(); string(got.Members) != "second" || r.Err() != nil {
			t.Errorf("then by %q; %v", got.Members, r.Err())
		}
	})
}
