package node

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"millrace/internal/config"
	"millrace/internal/demo"
	"millrace/internal/media"
	"millrace/internal/rtmp"
	"millrace/internal/srt"
	"millrace/internal/wire/flv"
)

// airs publishes frames over RTMP, over and over, as they are due; audio may be
// nil. The result ends it.
func airs(t *testing.T, url string, video, audio *media.Track, frames []*media.Frame) (ends func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := rtmp.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Announce(video, audio); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	ends = sync.OnceFunc(func() { close(stop); running.Wait(); _ = c.Close() })
	t.Cleanup(ends)
	running.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		start, i, round := time.Now(), 0, media.Time(0)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for media.Time(time.Since(start)) > round+frames[i].DTS {
				f := *frames[i]
				f.DTS += round
				f.PTS += round
				if i++; i == len(frames) {
					i, round = 0, f.DTS+media.Time(20*time.Millisecond)
				}
				if f.Track.Kind == media.Audio && audio == nil {
					continue
				}
				if f.Track.Kind == media.Audio {
					f.Track = audio
				}
				if err := c.Write(&f); err != nil {
					return // replaced, or the node stops
				}
			}
		}
	})
	return ends
}

// recorded is two seconds of what ffmpeg makes.
func recorded(t *testing.T, options ...string) (video, audio *media.Track, frames []*media.Frame) {
	t.Helper()
	args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t", "2", "-c:v", "libx264", "-preset", "ultrafast",
		"-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac", "-ac", "2"}, options...)
	file, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-f", "flv", "-")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	r := flv.NewReader(bytes.NewReader(file))
	for f, err := r.Next(); err == nil; f, err = r.Next() {
		frames = append(frames, f)
		if f.Track.Kind == media.Video {
			video = f.Track
		} else {
			audio = f.Track
		}
	}
	return video, audio, frames
}

// audience watches one kind of viewer: what it gets must go on, in time.
type audience struct {
	mu   sync.Mutex
	n    [2]int // by media.Kind
	last [2]media.Time
	err  error // why it ended
	bad  string
}

// follow takes what next returns until it fails.
func (a *audience) follow(next func() (*media.Frame, error)) {
	for {
		f, err := next()
		a.mu.Lock()
		if err != nil {
			a.err = err
			a.mu.Unlock()
			return
		}
		kind := f.Track.Kind
		if f.DTS < a.last[kind] {
			a.bad = kind.String() + " goes back from " + time.Duration(a.last[kind]).String() + " to " + time.Duration(f.DTS).String()
		}
		a.last[kind] = f.DTS
		a.n[kind]++
		a.mu.Unlock()
	}
}

// gets waits for more of each kind; of sound only where there is some.
func (a *audience) gets(t *testing.T, name string, sound bool) {
	t.Helper()
	a.mu.Lock()
	was := a.n
	a.mu.Unlock()
	await(t, "media over "+name, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.err != nil || a.bad != "" {
			t.Fatalf("%s: %v %s", name, a.err, a.bad)
		}
		return a.n[media.Video] > was[media.Video]+10 && (!sound || a.n[media.Audio] > was[media.Audio]+10)
	})
}

// hears records what a peer is sent, each kind as one RTP stream.
func (a *audience) hears(p *peer) {
	p.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		kind, rate := media.Video, int64(90000)
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			kind, rate = media.Audio, 48000
		}
		of := &media.Track{Kind: kind}
		var number, stamp unwrapped
		a.follow(func() (*media.Frame, error) {
			for {
				pk, _, err := track.ReadRTP()
				if err != nil {
					return nil, err
				}
				before := number.last
				if number.place(int64(pk.SequenceNumber)) < before {
					continue // a repeat
				}
				if !stamp.any {
					stamp = unwrapped{int64(pk.Timestamp), true}
				}
				stamp.last += int64(int32(pk.Timestamp - uint32(stamp.last))) //nolint:gosec // the nearest
				return &media.Frame{Track: of, DTS: media.FromUnits(stamp.last, rate)}, nil
			}
		})
	})
}

// Viewers over every protocol stay while publishers of all kinds follow one
// another, and have what each of them brings.
func TestViewersStayThroughPublishers(t *testing.T) {
	t.Parallel()
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	urls := n.links(t, "many")
	loop, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	video44, audio44, frames44 := recorded(t, "-tune", "zerolatency")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := sender(t)
	first.join(t, urls.Publish.WHIP)
	n.live(t, "many")
	all := map[string]*audience{}
	watch := func(name string, next func() (*media.Frame, error)) {
		a := &audience{}
		all[name] = a
		go a.follow(next)
	}
	res, err := http.Get(urls.Play.FLV) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	watch("FLV", flv.NewReader(res.Body).Next)
	overRTMP, err := rtmp.Dialer{}.Play(ctx, urls.Play.RTMP)
	if err != nil {
		t.Fatal(err)
	}
	defer overRTMP.Close()
	watch("RTMP", overRTMP.Next)
	overSRT, err := srt.Dialer{}.Play(ctx, urls.Play.SRT)
	if err != nil {
		t.Fatal(err)
	}
	defer overSRT.Close()
	watch("SRT", overSRT.Next)
	to := receiver(t)
	all["WHEP"] = &audience{}
	all["WHEP"].hears(to)
	to.join(t, urls.Play.WHEP)

	ends := func() { leave(t, first) }
	whip := func() func() {
		p := sender(t)
		p.join(t, urls.Publish.WHIP)
		return func() { leave(t, p) }
	}
	for _, step := range []struct {
		name  string
		sound bool
		comes func() func()
	}{
		{"WHIP", true, nil},
		{"RTMP with AAC of 48 kHz", true, func() func() { return airs(t, urls.Publish.RTMP, loop.Video, loop.Audio, loop.Frames()) }},
		{"RTMP with AAC of 44.1 kHz", true, func() func() { return airs(t, urls.Publish.RTMP, video44, audio44, frames44) }},
		{"RTMP without sound", false, func() func() { return airs(t, urls.Publish.RTMP, loop.Video, nil, loop.Frames()) }},
		{"RTMP with sound again", true, func() func() { return airs(t, urls.Publish.RTMP, loop.Video, loop.Audio, loop.Frames()) }},
		{"WHIP again", true, whip},
		{"RTMP without sound, again", false, func() func() { return airs(t, urls.Publish.RTMP, loop.Video, nil, loop.Frames()) }},
		{"WHIP for the third time", true, whip},
	} {
		if step.comes != nil {
			ends()
			ends = step.comes()
		}
		for name, a := range all {
			a.gets(t, name+" from "+step.name, step.sound)
		}
	}
}

// leave ends a peer's session by a goodbye.
func leave(t *testing.T, p *peer) {
	t.Helper()
	if res, body := ask(t, http.MethodDelete, p.session, "", ""); res.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s: %s", res.Status, body)
	}
}

// A browser is let go with the reason when what comes is nothing that it has
// negotiated, and told when it comes back.
func TestChangesThatViewersCannotFollow(t *testing.T) {
	t.Parallel()
	reordered, _, b := recorded(t, "-bf", "2")
	av1 := encoded(t, media.AV1)
	for i, f := range av1 {
		f.DTS = media.Time(i) * media.Time(40*time.Millisecond)
		f.PTS = f.DTS
	}
	for why, c := range map[string]struct {
		video  *media.Track
		frames []*media.Frame
	}{"b_frames": {reordered, b}, "codec": {av1[0].Track, av1}} {
		t.Run(why, func(t *testing.T) {
			n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
			urls := n.links(t, "other")
			from := sender(t)
			from.join(t, urls.Publish.WHIP)
			n.live(t, "other")
			h264 := func(m *webrtc.MediaEngine) error {
				opus := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 111}
				if err := m.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
					return err
				}
				return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
					MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
				}, PayloadType: 102}, webrtc.RTPCodecTypeVideo)
			}
			viewer := func() *peer {
				p := newPeer(t, h264)
				for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
					if _, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
						t.Fatal(err)
					}
				}
				return p
			}
			to := viewer()
			over := make(chan struct{})
			closed := sync.OnceFunc(func() { close(over) })
			to.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
				if s == webrtc.PeerConnectionStateClosed || s == webrtc.PeerConnectionStateFailed {
					closed()
				}
			})
			to.join(t, urls.Play.WHEP)
			to.gets(t, 20)
			leave(t, from)
			airs(t, urls.Publish.RTMP, c.video, nil, c.frames)
			select {
			case <-over:
			case <-time.After(patience):
				t.Fatal("it is not let go")
			}
			await(t, "the closing line", func() bool {
				for line := range strings.Lines(n.log.String()) {
					if strings.Contains(line, "msg=closed") && strings.Contains(line, "proto=rtc") && strings.Contains(line, "reason="+why) {
						return true
					}
				}
				return false
			})
			res, body := ask(t, http.MethodPost, urls.Play.WHEP, "application/sdp", viewer().offer(t, nil))
			if res.StatusCode != http.StatusNotAcceptable || !strings.Contains(body, `"`+why+`"`) {
				t.Errorf("who comes back gets %s: %s", res.Status, body)
			}
		})
	}
}
