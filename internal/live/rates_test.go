package live

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
)

func wantRate(t *testing.T, what string, got Rate, frames, bits float64) {
	t.Helper()
	if math.Abs(got.Frames-frames) > frames/10 || math.Abs(got.Bits-bits) > bits/10 {
		t.Errorf("%s: %.1f frames and %.0f bit a second, want %.1f and %.0f", what, got.Frames, got.Bits, frames, bits)
	}
}

func TestRatesOfFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishTracks(t, newTestHub(t, Options{}), testName)
		if video, audio := p.Rates(); video != (Rate{}) || audio != (Rate{}) {
			t.Errorf("nothing has come: %v, %v", video, audio)
		}
		// 25 pictures of 2500 bytes and 50 sounds of 200 bytes a second.
		send := func(from, to time.Duration) {
			for at := from; at < to; at += 20 * time.Millisecond {
				if at%(40*time.Millisecond) == 0 {
					write(t, p, picture(at, true))
				}
				write(t, p, sound(at))
				pass(20 * time.Millisecond)
			}
		}
		for _, seconds := range []int{1, 3, 10} {
			send(time.Duration(seconds-1)*time.Second, time.Duration(seconds)*time.Second)
			video, audio := p.Rates()
			wantRate(t, "video", video, 25, 500_000)
			wantRate(t, "audio", audio, 50, 80_000)
		}
		pass(time.Minute)
		if video, _ := p.Rates(); video.Frames > 1 {
			t.Errorf("%.1f frames a second although none have come for a minute", video.Frames)
		}
	})
}

// Rates are those of what is read some at a time, too.
func TestRatesOfBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishTracks(t, newTestHub(t, Options{}), testName)
		const batch, apart = 60 * time.Millisecond, 40 * time.Millisecond
		at := time.Duration(0)
		for passed := batch; passed <= 10*time.Second; passed += batch {
			pass(batch)
			for ; at <= passed; at += apart {
				write(t, p, picture(at, true))
			}
			if passed > 3*time.Second {
				video, _ := p.Rates()
				wantRate(t, passed.String(), video, 25, 500_000)
			}
		}
	})
}

// Of packets each access unit counts once, whatever its packets' order is, and
// only the best layer does.
func TestRatesOfPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishTracks(t, newTestHub(t, Options{}), testName)
		for i := range 75 {
			at := media.Time(i) * media.Time(40*time.Millisecond)
			for _, piece := range []int64{1, 0, 2} {
				pk := &media.Packet{Kind: media.Video, Codec: media.H264, Seq: int64(i)*3 + piece, Time: at, Key: true, Payload: make([]byte, 1000)}
				if err := p.WritePacket(pk); err != nil {
					t.Fatal(err)
				}
				layer := &media.Packet{Kind: media.Video, Codec: media.H264, Seq: int64(i)*3 + piece, Time: at, Key: true, Layer: 1, Payload: make([]byte, 1000)}
				if err := p.WritePacket(layer); err != nil {
					t.Fatal(err)
				}
			}
			pass(40 * time.Millisecond)
		}
		video, _ := p.Rates()
		wantRate(t, "video", video, 25, 600_000)
	})
}

// A stream that is forbidden does not linger: its readers are told at once, those
// of what is made of it too.
func TestForbiddenStreamDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		began := time.Now()
		p.Forbid()
		_, err := r.Next(t.Context())
		wantErr(t, err, ErrForbidden)
		wantErr(t, p.Err(), ErrKicked)
		if d := time.Since(began); d != 0 {
			t.Errorf("told after %v", d)
		}
		_, err = h.Subscribe(t.Context(), testName)
		wantErr(t, err, ErrNotFound)
		p.Forbid() // another time does nothing
		publishTracks(t, h, testName).Forbid()
	})
}
