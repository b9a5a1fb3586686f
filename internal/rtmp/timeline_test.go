package rtmp

import (
	"testing"
	"time"

	"millrace/internal/media"
)

func TestTimeline(t *testing.T) {
	const v, a = media.Video, media.Audio
	type step struct {
		kind   media.Kind
		ms     uint32
		wall   int // ms since the first frame
		want   int64
		jumped bool
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"as it is", []step{{v, 100, 0, 100, false}, {a, 90, 0, 90, false}, {v, 140, 40, 140, false}, {a, 113, 40, 113, false}}},
		{"faster than the clock", []step{{v, 0, 0, 0, false}, {v, 5000, 1, 5000, false}, {v, 14_000, 2, 14_000, false}}},
		{"32 bits wrap", []step{{v, 0xfffffff0, 0, 0xfffffff0, false}, {a, 0xfffffff8, 10, 0xfffffff8, false}, {v, 24, 40, 0x100000018, false}, {a, 15, 41, 0x10000000f, false}}},
		{"small step back is held", []step{{v, 1000, 0, 1000, false}, {v, 900, 40, 1000, false}, {v, 1040, 80, 1040, false}}},
		{"stall, then all at once", []step{{v, 0, 0, 0, false}, {v, 40, 14_000, 40, false}, {v, 80, 14_000, 80, false}, {v, 14_000, 14_001, 14_000, false}}},
		{"pause with its time", []step{{v, 0, 0, 0, false}, {v, 14_000, 14_000, 14_000, false}}},
		{"jump ahead, both tracks", []step{
			{v, 0, 0, 0, false}, {a, 10, 10, 10, false},
			{v, 3_600_040, 40, 40, true}, {a, 33, 41, 33, false}, {a, 3_600_056, 56, 56, true}, {v, 3_600_080, 80, 80, false}, {a, 3_600_079, 81, 79, false},
		}},
		{"jump back, both tracks", []step{
			{v, 3_600_000, 0, 3_600_000, false}, {a, 3_600_010, 10, 3_600_010, false},
			{v, 0, 40, 3_600_040, true}, {a, 16, 50, 3_600_056, true}, {v, 40, 80, 3_600_080, false},
		}},
		{"scales of their own", []step{{a, 5, 0, 5, false}, {v, 90_000_000, 10, 15, true}, {a, 28, 23, 28, false}, {v, 90_000_040, 50, 55, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tl timeline
			start := time.Unix(1, 0)
			for i, s := range c.steps {
				got, jumped := tl.place(s.kind, s.ms, start.Add(time.Duration(s.wall)*time.Millisecond))
				if got != media.Time(s.want)*1e6 || jumped != s.jumped {
					t.Errorf("step %d: got %d ms, jumped %v; want %d", i, got.Millis(), jumped, s.want)
				}
			}
		})
	}
}

func FuzzTimeline(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		var tl timeline
		var last [2]media.Time
		var seen [2]bool
		now := time.Unix(1, 0)
		for ; len(b) >= 6; b = b[6:] {
			kind := media.Kind(b[0] & 1)
			now = now.Add(time.Duration(b[1]) * time.Millisecond)
			at, _ := tl.place(kind, uint32(b[2])<<24|uint32(b[3])<<16|uint32(b[4])<<8|uint32(b[5]), now)
			if seen[kind] && at < last[kind] {
				t.Fatalf("%v runs back from %d to %d", kind, last[kind], at)
			}
			if seen[kind] && at-last[kind] > media.Time(jumpLimit+2*time.Hour) {
				t.Fatalf("%v goes from %d to %d", kind, last[kind], at)
			}
			seen[kind], last[kind] = true, at
		}
	})
}
