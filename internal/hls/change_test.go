package hls_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// TestPublisherChanges lets a publisher go and another one come, of the same
// format or of another: there is a discontinuity, and every frame is played.
func TestPublisherChanges(t *testing.T) {
	for _, c := range []struct {
		query  string
		second func() ([]byte, error)
		inits  int
	}{
		{"format=ts", clip, 0}, {"format=ts", large, 0},
		{"format=ll", clip, 1}, {"format=ll", large, 2}, {"format=ll&tracks=apart", large, 2},
	} {
		name := c.query
		if c.inits == 2 {
			name += " another format"
		}
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{linger: patience})
			first, second := frames(t), framesOf(t, c.second)
			first, _ = before(first, 4*time.Second)
			second, _ = before(second, 4*time.Second)
			video, audio := tracks(first)
			p := s.publish(t, video, audio)
			head, tail := before(first, time.Second/2)
			write(t, p, head...)
			address, _ := s.open(t, c.query)
			write(t, p, tail...)
			p.Close(reason.ClosedByPeer)
			// The packager has taken all before the second begins.
			s.await(t, func() bool { return len(read(t, s.get(t, address).body).segments) >= 1 })
			p = s.publish(t, video2(second), audio2(second))
			write(t, p, second...)
			s.await(t, func() bool {
				return slices.ContainsFunc(read(t, s.get(t, address).body).segments, func(e entry) bool { return e.discontinuity })
			})
			l := read(t, s.get(t, address).body)
			l.conforms(t)
			breaks, inits := 0, map[string]bool{}
			for _, e := range l.segments {
				if e.discontinuity {
					breaks++
				}
				if e.init != "" {
					inits[e.init] = true
				}
			}
			if breaks != 1 || len(inits) != c.inits {
				t.Errorf("%d discontinuities, %d initialization sections, want 1 and %d\n%s", breaks, len(inits), c.inits, l.text)
			}
			s.readsOn(t, address, l)
		})
	}
}

// readsOn lets ffprobe read what a playlist lists now, across the discontinuity.
func (s *stage) readsOn(t *testing.T, address string, l list) {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(l.text) {
		switch {
		case strings.HasPrefix(line, "#EXT-X-MAP"):
			line = `#EXT-X-MAP:URI="` + resolve(t, address, attributes(line)["URI"]) + "\"\n"
		case !strings.HasPrefix(line, "#"):
			line = resolve(t, address, strings.TrimSpace(line)) + "\n"
		case strings.HasPrefix(line, "#EXT-X-PART"), strings.HasPrefix(line, "#EXT-X-PRELOAD"):
			continue
		}
		text.WriteString(line)
	}
	text.WriteString("#EXT-X-ENDLIST\n")
	file := filepath.Join(t.TempDir(), "list.m3u8")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, pictures, last := probe(t, file), 0, -1.0
	for _, p := range got.Packets {
		if p.Codec != "video" {
			continue
		}
		at, err := strconv.ParseFloat(p.DTS, 64)
		if err != nil || at <= last {
			t.Fatalf("picture %d at %q comes after %f", pictures, p.DTS, last)
		}
		last = at
		pictures++
	}
	want := 0.0
	for _, e := range l.segments {
		want += e.duration
	}
	if n := int(want*25 + 0.5); pictures < n-3 || pictures > n {
		t.Errorf("%d pictures were read, want %d", pictures, n)
	}
}

func video2(all []*media.Frame) *media.Track { v, _ := tracks(all); return v }
func audio2(all []*media.Frame) *media.Track { _, a := tracks(all); return a }

// TestKeyFramesStayAway: segments keep to the target duration all the same, and
// do not pretend that decoding can start with them.
func TestKeyFramesStayAway(t *testing.T) {
	for _, query := range []string{"format=ts", "format=ll"} {
		s := newScript(t, stageOptions{}, query)
		for _, f := range s.rest {
			f.Key = f.Key && (f.Track.Kind == media.Audio || f.DTS < media.Time(2100*time.Millisecond))
		}
		s.play(t, 10*time.Second)
		s.await(t, func() bool { return len(read(t, s.get(t, s.video).body).segments) >= 3 })
		l := s.list(t, s.video, "")
		if l.target != 2 || l.independent {
			t.Errorf("%s: a target of %d, independent: %v", query, l.target, l.independent)
		}
	}
}

// TestSoundAlone is cut by itself.
func TestSoundAlone(t *testing.T) {
	for _, query := range []string{"format=ts", "format=ll"} {
		s := newStage(t, stageOptions{})
		var sound []*media.Frame
		for _, f := range frames(t) {
			if f.Track.Kind == media.Audio {
				sound = append(sound, f)
			}
		}
		p := s.publish(t, nil, sound[0].Track)
		write(t, p, sound[:10]...)
		address, _ := s.open(t, query)
		write(t, p, sound[10:]...)
		s.await(t, func() bool { return len(read(t, s.get(t, address).body).segments) >= 3 })
		l := read(t, s.get(t, address).body)
		l.conforms(t)
		if !l.independent || l.target != 2 {
			t.Errorf("%s\n%s", query, l.text)
		}
	}
}

// TestSoundStops leaves gaps where the sound's playlist has nothing, so that both
// playlists keep in step.
func TestSoundStops(t *testing.T) {
	s := newScript(t, stageOptions{}, "format=fmp4&tracks=apart")
	kept := s.rest[:0]
	for _, f := range s.rest {
		if f.Track.Kind == media.Video || f.DTS < media.Time(3*time.Second) {
			kept = append(kept, f)
		}
	}
	s.rest = kept
	s.play(t, 10*time.Second)
	s.await(t, func() bool {
		l := read(t, s.get(t, s.audio).body)
		return len(l.segments) >= 3 && l.segments[2].gap
	})
	v, a := read(t, s.get(t, s.video).body), read(t, s.get(t, s.audio).body)
	if len(v.segments) > len(a.segments)+1 {
		t.Errorf("%d segments of pictures, %d of sound", len(v.segments), len(a.segments))
	}
}
