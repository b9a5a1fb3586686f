package transcode

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// aacName is the other variant.
var aacName = live.Name{Domain: "play.test", App: "live", Stream: "a", Variant: live.VariantAAC}

// Of Opus, the AAC variant has the pictures as they are and the sound in step
// with them; what is AAC already is passed on.
func TestSupplierToAAC(t *testing.T) {
	pcm, frames := speech(t, "-b:a", "64k")
	he, _ := read(t, "he1.aac", nil)
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, frames[0].Track)
		got, r, err := play(t.Context(), room.hub, aacName, 280)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if v, a := r.Tracks(); v != pictures || a == nil || a.Codec != media.AAC || a.Channels != 1 || a.SampleRate != 48000 {
			t.Errorf("tracks %+v, %+v", v, a)
		}
		all := mix(frames)
		send(t, source, all)
		video, audio := split(<-got)
		if len(video) < 90 || len(audio) < 160 || room.running(pathOpus) != 1 {
			t.Errorf("%d pictures, %d sounds", len(video), len(audio))
		}
		unbroken(t, audio)
		// The last of the sound is not read; origin is where the pictures begin.
		compare(t, decodeAAC(t, audio), audio[0].PTS, pcm[:len(audio)*aacSamples], video[0].DTS)
	})
	for _, same := range []clip{he} {
		synctest.Test(t, func(t *testing.T) {
			room := newRoom("")
			defer room.hub.Close()
			source := room.publish(t, same.track)
			got, r, err := play(t.Context(), room.hub, aacName, 40)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			send(t, source, mix(same.frames()))
			_, audio := split(<-got)
			if len(audio) == 0 || room.running(pathSame) != 1 {
				t.Fatalf("%d sounds", len(audio))
			}
			sent := map[*byte]bool{}
			for _, u := range same.units {
				sent[&u[0]] = true
			}
			for _, f := range audio {
				if !sent[&f.Data[0]] {
					t.Fatal("AAC was copied")
				}
			}
		})
	}
}

// Publishers may come with Opus, then AAC, then Opus again: the variant goes on.
func TestSupplierToAACChanges(t *testing.T) {
	_, frames := speech(t, "-b:a", "64k")
	spoken, _ := read(t, "speech.aac", nil)
	var audio []*media.Frame
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		got, r := make(chan []*media.Frame, 1), (*live.Reader)(nil)
		for i, sounds := range [][]*media.Frame{frames, spoken.frames(), frames} {
			source := room.publish(t, sounds[0].Track)
			if i == 0 {
				var err error
				if got, r, err = play(t.Context(), room.hub, aacName, 1e6); err != nil {
					t.Fatal(err)
				}
				defer r.Close()
			}
			send(t, source, mix(sounds))
			source.Close(reason.PeerGone)
			<-time.After(300 * time.Millisecond)
		}
		_, audio = split(<-got)
	})
	var codecs []int
	for i, f := range audio {
		if f.Track.Codec != media.AAC {
			t.Fatalf("sound is %v", f.Track.Codec)
		}
		if i == 0 || f.Track.SampleRate != audio[i-1].Track.SampleRate {
			codecs = append(codecs, f.Track.SampleRate)
		}
		if i > 0 && f.PTS.Sub(audio[i-1].PTS) < 20*time.Millisecond {
			t.Errorf("sound %d follows after %v", i, f.PTS.Sub(audio[i-1].PTS))
		}
	}
	if !slices.Equal(codecs, []int{48000, 44100, 48000}) {
		t.Errorf("sound of %v Hz", codecs)
	}
}

// Nobody waits for a key frame where the publisher of the source cannot be asked.
func TestSupplierKnowsWhoCannotBeAsked(t *testing.T) {
	_, frames := speech(t, "-b:a", "64k")
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		p, err := room.hub.Publish(sourceName, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		p.Announce(pictures, frames[0].Track)
		r, err := room.hub.Subscribe(t.Context(), variantName)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.RequestKey() {
			t.Error("a key frame is to be expected")
		}
	})
}

// A request for a key frame reaches the publisher of the source.
func TestSupplierAsksForKeys(t *testing.T) {
	_, frames := speech(t, "-b:a", "64k")
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		p, err := room.hub.Publish(sourceName, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		p.OnKeyRequest(func() { asked++ })
		p.Announce(pictures, frames[0].Track)
		for _, name := range []live.Name{variantName, aacName} {
			r, err := room.hub.Subscribe(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			if before := asked; !r.RequestKey() || asked != before+1 {
				t.Errorf("%v: asked %d times, then %d", name, before, asked)
			}
			r.Close()
		}
	})
}
