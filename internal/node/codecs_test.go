package node

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	rtcmedia "github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
	"millrace/internal/rtmp"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtp"
	"millrace/internal/wire/ts"
)

// otherCodecs are video beside H264, and who writes fifty pictures of it, of which
// the first and the 26th are key frames.
var otherCodecs = map[media.Codec]struct {
	mime    string
	encoder []string
}{
	media.H265: {webrtc.MimeTypeH265, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25:min-keyint=25:scenecut=0:bframes=0:pools=1:frame-threads=1", "-f", "mpegts"}},
	media.VP9:  {webrtc.MimeTypeVP9, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-f", "ivf"}},
	media.AV1:  {webrtc.MimeTypeAV1, []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "25", "-f", "ivf"}},
}

// encoded is what the encoder writes, as frames.
func encoded(t *testing.T, codec media.Codec) (frames []*media.Frame) {
	t.Helper()
	args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "50", "-pix_fmt", "yuv420p", "-b:v", "500k"}, otherCodecs[codec].encoder...)
	file, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if codec == media.H265 {
		r := ts.NewReader(bytes.NewReader(file))
		for f, err := r.Next(); err == nil; f, err = r.Next() {
			frames = append(frames, f)
		}
		return frames
	}
	r, _, err := ivfreader.NewWith(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	track := &media.Track{Kind: media.Video, Codec: codec, Width: 320, Height: 180}
	for {
		data, _, err := r.ParseNextFrame()
		if err == io.EOF {
			return frames
		}
		f := &media.Frame{Track: track, Data: data}
		if codec == media.VP9 {
			h, ok := vp9.ParseHeader(data)
			if f.Key = h.Key; !ok {
				t.Fatal("no VP9 frame")
			}
		} else {
			u, err := av1.ParseUnit(data)
			if err != nil {
				t.Fatal(err)
			}
			if f.Key, f.Data = u.Key, u.Data; u.Sequence != nil && track.Params == nil {
				track.Params = [][]byte{u.Sequence}
			}
		}
		frames = append(frames, f)
	}
}

// inTurn checks that pictures are those of the encoder, one after the other and
// over again.
type inTurn struct {
	all  []*media.Frame
	next int // -1: not begun
}

func (c *inTurn) take(t *testing.T, f *media.Frame) {
	t.Helper()
	if c.next < 0 {
		for i, w := range c.all {
			if w.Key && bytes.Equal(w.Data, f.Data) {
				c.next = i
			}
		}
		if c.next < 0 || !f.Key {
			t.Fatalf("begins with a picture of %d bytes, key %v", len(f.Data), f.Key)
		}
	}
	if w := c.all[c.next]; !bytes.Equal(f.Data, w.Data) || f.Key != w.Key {
		t.Fatalf("%d bytes instead of picture %d, which has %d", len(f.Data), c.next, len(w.Data))
	}
	c.next = (c.next + 1) % len(c.all)
}

// sendsOther makes a publisher over WebRTC of the encoder's pictures.
func sendsOther(t *testing.T, codec media.Codec, all []*media.Frame) *peer {
	t.Helper()
	format := webrtc.RTPCodecCapability{MimeType: otherCodecs[codec].mime, ClockRate: 90000}
	p := newPeer(t, func(m *webrtc.MediaEngine) error { // offers nothing else
		return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: format, PayloadType: 98}, webrtc.RTPCodecTypeVideo)
	})
	video, err := webrtc.NewTrackLocalStaticSample(format, "video", "rts")
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.pc.AddTrack(video)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, _, err := s.ReadRTCP(); err != nil {
				return
			}
		}
	}()
	samples := make([][]byte, len(all))
	for i, f := range all {
		samples[i] = f.Data
	}
	if codec == media.H265 {
		samples = annexB(all)
	}
	every(t, 40*time.Millisecond, func(i int) {
		_ = video.WriteSample(rtcmedia.Sample{Data: samples[i%len(samples)], Duration: 40 * time.Millisecond})
	})
	return p
}

// every calls do in a rhythm until the test ends.
func every(t *testing.T, d time.Duration, do func(i int)) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(i)
			}
		}
	})
}

// What a publisher over WHIP encodes reaches HTTP-FLV as it is.
func TestOtherCodecsFromWHIPToFLV(t *testing.T) {
	for codec := range otherCodecs {
		t.Run(codec.String(), func(t *testing.T) {
			all := encoded(t, codec)
			n := serveNode(t, nil)
			urls := n.links(t, "other")
			sendsOther(t, codec, all).join(t, urls.Publish.WHIP)
			n.shows(t, codec)
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, urls.Play.FLV, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			r, turn := flv.NewReader(res.Body), &inTurn{all, -1}
			for range 30 {
				f, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if turn.take(t, f); f.Track.Codec != codec || f.Track.Width != 320 {
					t.Fatalf("the track is %+v", f.Track)
				}
			}
		})
	}
}

// What a publisher over RTMP encodes reaches a viewer over WHEP as it is.
func TestOtherCodecsFromRTMPToWHEP(t *testing.T) {
	for codec := range otherCodecs {
		t.Run(codec.String(), func(t *testing.T) {
			all := encoded(t, codec)
			n := serveNode(t, nil)
			urls := n.links(t, "other")
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			c, err := rtmp.Dial(ctx, urls.Publish.RTMP)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			if err := c.Announce(all[0].Track, nil); err != nil {
				t.Fatal(err)
			}
			every(t, 40*time.Millisecond, func(i int) {
				f := *all[i%len(all)]
				f.DTS = media.Time(i) * media.Time(40*time.Millisecond)
				f.PTS = f.DTS
				if err := c.Write(&f); err != nil && t.Context().Err() == nil {
					t.Errorf("write: %v", err)
				}
			})
			n.shows(t, codec)
			to := newPeer(t, nil)
			if _, err := to.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			packets := make(chan media.Packet, 1<<12)
			to.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					p, _, err := track.ReadRTP()
					if err != nil {
						return
					}
					if track.Codec().MimeType != otherCodecs[codec].mime {
						t.Errorf("receives %s", track.Codec().MimeType)
					}
					select {
					case packets <- media.Packet{Seq: int64(p.SequenceNumber), Time: media.FromUnits(int64(p.Timestamp), 90000), Codec: codec, Marker: p.Marker, Payload: p.Payload}:
					default:
					}
				}
			})
			to.join(t, urls.Play.WHEP)
			a, turn, seen, around := rtp.NewAssembler(nil, nil), &inTurn{all, -1}, 0, unwrapped{}
			for seen < 30 {
				select {
				case pk := <-packets:
					pk.Seq = around.place(pk.Seq)
					for _, f := range a.Assemble(&pk) {
						turn.take(t, f)
						seen++
					}
				case <-ctx.Done():
					t.Fatalf("%d pictures came", seen)
				}
			}
		})
	}
}

// unwrapped makes numbers of 16 bits ascend.
type unwrapped struct {
	last int64
	any  bool
}

func (u *unwrapped) place(seq int64) int64 {
	if !u.any {
		u.last, u.any = seq, true
	}
	u.last += int64(int16(seq - u.last)) //nolint:gosec // the nearest
	return u.last
}

// shows waits until the stream "other" is published in a codec.
func (r *running) shows(t *testing.T, codec media.Codec) {
	t.Helper()
	await(t, "pictures", func() bool {
		for _, s := range r.hub.Stats() {
			if s.Name.Stream == "other" && s.Publishing && s.Video != nil && s.Video.Codec == codec {
				return true
			}
		}
		return false
	})
}
