package client

import (
	"testing"
	"time"
)

// known finds units of a clip by their bytes.
type known map[string]int

func knownOf(units []AccessUnit, k Kind) known {
	m := known{}
	for i := range units {
		if units[i].Kind == k {
			m[string(units[i].Data)] = i
		}
	}
	return m
}

// What is published over RTMP comes out as it went in, over each protocol and
// in each framing.
func TestPlayOriginal(t *testing.T) {
	s := newServer(t)
	c := clipOf(t, withBFrames)
	s.airRTMP("original", c)
	units := c.units()
	pictures, sounds := knownOf(units, Video), knownOf(units, Audio)
	for what, o := range map[string]struct {
		url  string
		play PlayOptions
	}{
		"ARTC": {s.artc("original"), PlayOptions{}},
		"WHEP": {s.whep("original"), PlayOptions{}},
		"LATM": {s.whep("original"), PlayOptions{LATM: true}},
	} {
		t.Run(what, func(t *testing.T) {
			p := play(t, o.url, o.play)
			var last [2]AccessUnit
			var source [2]int
			video, audio, reordered := 0, 0, 0
			for video < 60 || audio < 80 {
				u := next(t, p)
				m := pictures
				if u.Kind == Audio {
					m = sounds
					audio++
				} else {
					video++
				}
				i, ok := m[string(u.Data)]
				if !ok {
					t.Fatalf("%s unit of %d bytes at %v is none of the source's", u.Kind, len(u.Data), u.DTS)
				}
				was, at := last[u.Kind], source[u.Kind]
				if was.Track != nil && i > at {
					if d := (u.DTS - was.DTS) - (units[i].DTS - units[at].DTS); d > time.Millisecond || d < -time.Millisecond {
						t.Errorf("%s: DTS %v after %v, the source's %v after %v", u.Kind, u.DTS, was.DTS, units[i].DTS, units[at].DTS)
					}
				}
				if d := (u.PTS - u.DTS) - (units[i].PTS - units[i].DTS); d > time.Millisecond || d < -time.Millisecond {
					t.Errorf("%s: PTS - DTS is %v, the source's %v", u.Kind, u.PTS-u.DTS, units[i].PTS-units[i].DTS)
				}
				if u.PTS < was.PTS && was.Track != nil {
					reordered++
				}
				if (was.Track == nil) != u.Discontinuity && p.Stats().Lost == 0 { // a starved socket overflows
					t.Errorf("%s at %v: discontinuity %v", u.Kind, u.DTS, u.Discontinuity)
				}
				last[u.Kind], source[u.Kind] = u, i
			}
			if reordered < 10 {
				t.Errorf("%d pictures are shown before their predecessors", reordered)
			}
			// In step: what the source has at one time comes at one time.
			v, a := last[Video], last[Audio]
			step := (v.DTS - a.DTS) - (units[source[Video]].DTS - units[source[Audio]].DTS)
			step -= step.Round(c.length()) // the two may be of different runs of the clip
			if step > 2*time.Millisecond || step < -2*time.Millisecond {
				t.Errorf("pictures are %v ahead of sound", step)
			}
			tracks := p.Tracks()
			if len(tracks) != 2 || tracks[0].Width != 320 || tracks[0].Height != 180 || tracks[1].SampleRate != 44100 || tracks[1].Channels != 2 {
				t.Errorf("tracks %+v", tracks)
			}
			if st := p.Stats(); st.State != Connected || st.FirstFrame <= 0 || st.Packets == 0 || !st.DelayKnown {
				t.Errorf("stats %+v", st)
			}
			must(t, p.Close())
			if _, err := p.Next(t.Context()); err == nil {
				t.Error("a unit after Close")
			}
		})
	}
}
