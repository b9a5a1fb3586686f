package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"millrace/internal/rtmp"
	"millrace/internal/srt"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtp"
)

// rendition is a second of pictures of a width, over and over again.
func rendition(t *testing.T, size string) (track *gortmplib.Track, units [][][]byte) {
	t.Helper()
	file, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=rate=25:size="+size,
		"-t", "1", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-f", "flv", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	r := flv.NewReader(bytes.NewReader(file))
	for f, err := r.Next(); err == nil; f, err = r.Next() {
		var au [][]byte
		for rest := f.Data; len(rest) > 4; {
			n := 4 + int(rest[0])<<24 + int(rest[1])<<16 + int(rest[2])<<8 + int(rest[3])
			au, rest = append(au, rest[4:n]), rest[n:]
		}
		units = append(units, au)
		track = &gortmplib.Track{Codec: &codecs.H264{SPS: f.Track.Params[0], PPS: f.Track.Params[1]}}
	}
	return track, units
}

// sound is a track of AAC.
func sound(channels int) *gortmplib.Track {
	return &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: uint8(channels),
	}}}
}

// A publisher's second tracks are played over every protocol, by their names and
// together, and those that it has not are refused.
func TestFurtherTracksOverEveryProtocol(t *testing.T) {
	t.Parallel()
	n := serveNode(t, nil)
	urls := n.links(t, "other")
	small, smallUnits := rendition(t, "160x90")
	large, largeUnits := rendition(t, "320x180")
	stereo, mono := sound(2), sound(1)
	u, err := url.Parse(strings.Replace(urls.Publish.RTMP, "/live/", "/live#", 1)) // as gortmplib wants it
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c := &gortmplib.Client{URL: u, Publish: true}
	if err := c.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &gortmplib.Writer{Conn: c, Tracks: []*gortmplib.Track{small, large, stereo, mono}}
	if err := w.Initialize(); err != nil {
		t.Fatal(err)
	}
	every(t, 40*time.Millisecond, func(i int) {
		at, of := time.Duration(i)*40*time.Millisecond, i%len(smallUnits)
		_ = w.WriteH264(small, at, at, smallUnits[of])
		_ = w.WriteH264(large, at, at, largeUnits[of])
		_ = w.WriteMPEG4Audio(stereo, at, []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c})
		_ = w.WriteMPEG4Audio(mono, at, []byte{0x01, 0x18, 0x20, 0x07})
	})
	n.shows(t, media.H264)
	await(t, "all tracks", func() bool { return len(n.hub.Stats()) >= 3 })

	post := strings.Replace(urls.Play.ARTC, "artc://", "http://", 1)
	over := map[string]func(t *testing.T, query string) (width, channels int, err error){
		"FLV": func(t *testing.T, query string) (int, int, error) {
			res, err := http.Get(urls.Play.FLV + query) //nolint:noctx // it is closed
			if err != nil {
				return 0, 0, err
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				return 0, 0, errors.New(res.Status)
			}
			return looks(flv.NewReader(res.Body).Next)
		},
		"WS-FLV": func(t *testing.T, query string) (int, int, error) {
			ws, res, err := websocket.Dial(ctx, urls.Play.FLV+query, nil)
			if err != nil {
				if res != nil {
					err = errors.New(res.Status)
				}
				return 0, 0, err
			}
			defer ws.CloseNow() //nolint:errcheck // only read from
			return looks(flv.NewReader(websocket.NetConn(ctx, ws, websocket.MessageBinary)).Next)
		},
		"RTMP": func(t *testing.T, query string) (int, int, error) {
			p, err := rtmp.Dialer{}.Play(ctx, urls.Play.RTMP+query)
			if err != nil {
				return 0, 0, err
			}
			defer p.Close() //nolint:errcheck // only read from
			return looks(p.Next)
		},
		"SRT": func(t *testing.T, query string) (int, int, error) {
			p, err := srt.Dialer{Resolve: anywhere}.Play(ctx, strings.Replace(urls.Play.SRT, ",m=request", strings.ReplaceAll(query, "&", "%26")+",m=request", 1))
			if err != nil {
				return 0, 0, err
			}
			defer p.Close() //nolint:errcheck // only read from
			return looks(p.Next)
		},
		"HLS": func(t *testing.T, query string) (int, int, error) {
			res, body := ask(t, http.MethodGet, urls.Play.HLS+"&format=fmp4"+query, "", "")
			_, size, ok := strings.Cut(body, "RESOLUTION=")
			if !ok {
				return 0, 0, errors.New(res.Status)
			}
			width, err := strconv.Atoi(size[:strings.IndexByte(size, 'x')])
			return width, 0, err
		},
		"WHEP": func(t *testing.T, query string) (int, int, error) {
			return seenWidth(ctx, t, func(p *peer) error {
				res, body := ask(t, http.MethodPost, urls.Play.WHEP+query, "application/sdp", p.offer(t, nil))
				if res.StatusCode != http.StatusCreated {
					return errors.New(res.Status)
				}
				p.accept(t, body)
				return nil
			})
		},
		"ARTC": func(t *testing.T, query string) (int, int, error) {
			return seenWidth(ctx, t, func(p *peer) error {
				b, err := json.Marshal(map[string]any{
					"version": 2, "sdk_version": "0.0.1", "mode": "live",
					"pull_streams": []any{map[string]any{"url": urls.Play.ARTC + query, "amsid": []string{"rts audio"}, "vmsid": []string{"rts video"}}},
					"jsep":         map[string]string{"type": "offer", "sdp": p.offer(t, nil)},
				})
				if err != nil {
					return err
				}
				res, body := ask(t, http.MethodPost, post, "", string(b))
				var answer struct {
					JSEP webrtc.SessionDescription `json:"jsep"`
				}
				if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.JSEP.SDP == "" {
					return errors.New(res.Status)
				}
				p.accept(t, answer.JSEP.SDP)
				return nil
			})
		},
	}
	notFound := map[string]string{"RTMP": "NetStream.Play.StreamNotFound", "SRT": "1404"}
	for proto, play := range over {
		t.Run(proto, func(t *testing.T) {
			for _, want := range []struct {
				query           string
				width, channels int
			}{
				{"", 160, 2},
				{"&track=video0,audio0", 160, 2},
				{"&track=video1", 320, 2},
				{"&track=audio1", 160, 1},
				{"&track=video1,audio1", 320, 1},
				{"&track=audio1&track=video1", 320, 1},
			} {
				width, channels, err := play(t, want.query)
				if err != nil || width != want.width || channels != 0 && channels != want.channels {
					t.Errorf("%q: %d wide, %d channels, %v", want.query, width, channels, err)
				}
			}
			for _, query := range []string{"&track=video2", "&track=video1,audio2", "&track=video2,audio1"} {
				if _, _, err := play(t, query); err == nil || !strings.Contains(err.Error(), cmp.Or(notFound[proto], "404")) {
					t.Errorf("%q: %v", query, err)
				}
			}
		})
	}
	for _, query := range []string{"&track=sub1", "&track=video01", "&track=video1,video2"} {
		if res, body := ask(t, http.MethodGet, urls.Play.FLV+query, "", ""); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", query, res.Status, body)
		}
	}
}

// looks reads until there have been pictures and sound, and says what they were like.
func looks(next func() (*media.Frame, error)) (width, channels int, err error) {
	for width == 0 || channels == 0 {
		f, err := next()
		if err != nil {
			return width, channels, err
		}
		width, channels = max(width, f.Track.Width), max(channels, f.Track.Channels)
	}
	return width, channels, nil
}

// anywhere resolves addresses that are numbers.
func anywhere(_ context.Context, addr string) (netip.AddrPort, error) {
	return netip.ParseAddrPort(addr)
}

// seenWidth joins over WebRTC and returns the width of the first picture that comes.
func seenWidth(ctx context.Context, t *testing.T, join func(p *peer) error) (width, channels int, err error) {
	t.Helper()
	p := newPeer(t, nil)
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	packets := make(chan media.Packet, 1<<12)
	p.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			r, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case packets <- media.Packet{Seq: int64(r.SequenceNumber), Time: media.FromUnits(int64(r.Timestamp), 90000), Codec: media.H264, Marker: r.Marker, Payload: r.Payload}:
			default:
			}
		}
	})
	if err := join(p); err != nil {
		return 0, 0, err
	}
	a, around := rtp.NewAssembler(nil, nil), unwrapped{}
	for {
		select {
		case pk := <-packets:
			pk.Seq = around.place(pk.Seq)
			for _, f := range a.Assemble(&pk) {
				if s, err := h264.ParseSPS(f.Track.Params[0]); err == nil {
					return s.Width, 0, nil
				}
			}
		case <-ctx.Done():
			return 0, 0, errors.New("no picture came")
		}
	}
}
