package transcode

import (
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
)

// Sound that comes with the picture after it, in bursts as ffmpeg writes it,
// leaves evenly; all of it, in order, and pictures are not held.
func TestSupplierEven(t *testing.T) {
	c, _ := read(t, "speech.aac", nil)
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, c.track)
		r, err := room.hub.Subscribe(t.Context(), variantName)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		type arrival struct {
			frame *media.Frame
			at    time.Time
		}
		got := make(chan []arrival, 1)
		go func() {
			var all []arrival
			for {
				f, err := r.Next(t.Context())
				if err != nil {
					got <- all
					return
				}
				all = append(all, arrival{f, time.Now()})
			}
		}()
		const picture = 40 * time.Millisecond
		began := time.Now()
		for _, f := range mix(c.frames()) {
			due := f.DTS.Sub(origin)
			if f.Track.Kind == media.Audio {
				due = (due/picture + 1) * picture
			}
			if wait := due - time.Since(began); wait > 0 {
				<-time.After(wait)
			}
			own := *f
			if err := source.Write(&own); err != nil {
				t.Fatal(err)
			}
		}
		source.Close("")
		var last arrival
		sounds := 0
		for _, a := range <-got {
			if a.frame.Track.Kind == media.Video {
				continue
			}
			if last.frame != nil && a.frame.DTS.Sub(last.frame.DTS) != packetLong {
				t.Fatalf("packet %d is %v after the one before", sounds, a.frame.DTS.Sub(last.frame.DTS))
			}
			apart := a.at.Sub(last.at)
			if rest := len(c.units)*lcSamples*50/44100 - sounds; sounds > 170 && rest > 10 && (apart < 15*time.Millisecond || apart > 25*time.Millisecond) {
				t.Errorf("packet %d left %v after the one before", sounds, apart)
			}
			last = a
			sounds++
		}
		if want := len(c.units) * lcSamples * 50 / 44100; sounds < want-3 {
			t.Errorf("%d packets of %d", sounds, want)
		}
	})
}
