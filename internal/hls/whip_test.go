package hls_test

import (
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// TestOpusIsConverted plays what a browser publishes: packets with Opus. The
// picture comes out whole, the sound as AAC; or as Opus to who asks for it.
func TestOpusIsConverted(t *testing.T) {
	for query, codec := range map[string]string{"format=ts": "aac", "format=ll": "aac", "format=fmp4&audio=opus": "opus"} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageOptions{converts: true, linger: time.Second})
			all := framesOf(t, large)
			video := video2(all)
			opus := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
			p := s.publish(t, video, opus)
			silence, pictures := 0, 0
			upTo := func(until time.Duration) {
				head, tail := before(all, until)
				all = tail
				for _, f := range head {
					if f.Track.Kind == media.Audio {
						continue
					}
					for ; media.Time(silence)*media.Time(20*time.Millisecond) <= f.DTS; silence++ {
						at := media.Time(silence) * media.Time(20*time.Millisecond)
						write(t, p, &media.Frame{Track: opus, DTS: at, PTS: at, Key: true, Data: []byte{0xfc, 0xff, 0xfe}})
					}
					write(t, p, f)
					pictures++
				}
			}
			upTo(500 * time.Millisecond)
			address, _ := s.open(t, query)
			played := make(chan probed, 1)
			go func() {
				defer close(played)
				played <- probe(t, s.web.URL+"/live/demo.m3u8?"+query)
			}()
			// The reading ends with the test.
			t.Cleanup(func() {
				for range played {
				}
			})
			s.await(t, func() bool { return s.count(t, "millrace_hls_viewers", nil) == 2 })
			name := demo
			if codec == "aac" {
				name.Variant = live.VariantAAC
			}
			converted, err := s.hub.Subscribe(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			defer converted.Close()
			for at, seen := 500*time.Millisecond, 0; at <= 6*time.Second; at += 500 * time.Millisecond {
				upTo(at)
				for seen < pictures { // no faster than the conversion: what is late is left out
					f, err := converted.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if f.Track.Kind == media.Video {
						seen++
					}
				}
				n := int(at/(2*time.Second)) - 1
				s.await(t, func() bool { return n <= 0 || len(read(t, s.get(t, address).body).segments) >= n })
			}
			p.Close(reason.ClosedByPeer)
			got := <-played
			kinds, packets := map[string]string{}, map[string]int{}
			for _, st := range got.Streams {
				kinds[st.Type] = st.Codec
			}
			for _, pk := range got.Packets {
				packets[pk.Codec]++
			}
			if kinds["video"] != "h264" || kinds["audio"] != codec || packets["video"] != 150 || packets["audio"] < 240 {
				t.Errorf("read %v, %v", kinds, packets)
			}
		})
	}
}
