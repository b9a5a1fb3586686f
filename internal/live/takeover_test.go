package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A publisher that died is replaced after two seconds of silence, by one that
// was waiting for that.
func TestAwaitPublishOutwaitsTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		dead := publishTracks(t, h, testName)
		write(t, dead, picture(0, true))
		pass(500 * time.Millisecond)
		begin := time.Now()
		p, err := h.AwaitPublish(t.Context(), testName, "test", "peer")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 1400*time.Millisecond || took > 1700*time.Millisecond {
			t.Errorf("waited %v, want what is left of 2 s", took)
		}
		<-dead.Done()
		wantErr(t, dead.Err(), ErrReplaced)
		write(t, p, picture(0, true))
	})
}

func TestAwaitPublishYieldsToTheLiving(t *testing.T) {
	for name, lives := range map[string]func(*testing.T, *Publisher){
		"media":         func(t *testing.T, p *Publisher) { write(t, p, sound(0)) },
		"sign of life":  func(_ *testing.T, p *Publisher) { p.Alive() },
		"not a goodbye": func(t *testing.T, p *Publisher) { p.Alive(); write(t, p, picture(0, true)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTestHub(t, Options{})
				old := publishTracks(t, h, testName)
				stop := make(chan struct{})
				go func() {
					defer close(stop)
					for range 40 {
						pass(40 * time.Millisecond)
						lives(t, old)
					}
				}()
				begin := time.Now()
				_, err := h.AwaitPublish(t.Context(), testName, "test", "peer")
				wantErr(t, err, ErrTaken)
				if took := time.Since(begin); took > 400*time.Millisecond {
					t.Errorf("refused after %v", took)
				}
				<-stop
				if old.Err() != nil {
					t.Errorf("the living publisher ended: %v", old.Err())
				}
			})
		})
	}
}

func TestAwaitPublishHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		publishTracks(t, h, testName)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.AwaitPublish(ctx, testName, "test", "peer")
		wantErr(t, err, ErrTaken)
	})
}

func TestAwaitPublishTakesAGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		old := publishTracks(t, h, testName)
		go func() {
			pass(300 * time.Millisecond)
			old.Close("closed_by_peer")
		}()
		begin := time.Now()
		if _, err := h.AwaitPublish(t.Context(), testName, "test", "peer"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 300*time.Millisecond {
			t.Errorf("taken over after %v, want with the goodbye", took)
		}
	})
}

func TestTakeOverAlways(t *testing.T) {
	h := newTestHub(t, Options{TakeOver: true})
	old := publishTracks(t, h, testName)
	write(t, old, picture(0, true))
	p := publish(t, h, testName)
	<-old.Done()
	wantErr(t, old.Err(), ErrReplaced)
	write(t, p, picture(0, true))
}

// Who subscribes while a new publisher has not said yet what it brings waits for
// that, and not for ever.
func TestSubscribeAwaitsTheNewTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		first := publish(t, h, testName)
		first.Announce(testVideo, nil)
		write(t, first, picture(0, true))
		first.Close("closed_by_peer")
		second := publish(t, h, testName)
		go func() {
			pass(300 * time.Millisecond)
			second.Announce(testVideo, testAudio)
		}()
		begin := time.Now()
		if _, audio := subscribe(t, h, testName).Tracks(); audio != testAudio || time.Since(begin) != 300*time.Millisecond {
			t.Errorf("sound is %v after %v", audio, time.Since(begin))
		}
		second.Close("closed_by_peer")
		publish(t, h, testName) // says nothing
		begin = time.Now()
		if video, _ := subscribe(t, h, testName).Tracks(); video != testVideo || time.Since(begin) != anewWait {
			t.Errorf("pictures are %v after %v", video, time.Since(begin))
		}
	})
}
