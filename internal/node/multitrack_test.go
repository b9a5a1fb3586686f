package node

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"millrace/internal/rtmp"
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

// A publisher's second track of pictures is played over every protocol, by its
// name.
func TestFurtherTrackOverEveryProtocol(t *testing.T) {
	t.Parallel()
	n := serveNode(t, nil)
	urls := n.links(t, "other")
	small, smallUnits := rendition(t, "160x90")
	large, largeUnits := rendition(t, "320x180")
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
	w := &gortmplib.Writer{Conn: c, Tracks: []*gortmplib.Track{small, large}}
	if err := w.Initialize(); err != nil {
		t.Fatal(err)
	}
	every(t, 40*time.Millisecond, func(i int) {
		at, of := time.Duration(i)*40*time.Millisecond, i%len(smallUnits)
		_ = w.WriteH264(small, at, at, smallUnits[of])
		_ = w.WriteH264(large, at, at, largeUnits[of])
	})
	n.shows(t, media.H264)
	if p := ffprobe(t, urls.Play.FLV+"&track=video1"); len(p.Streams) != 1 || p.Streams[0].Width != 320 || len(p.Packets) < 40 {
		t.Errorf("%d packets of %+v", len(p.Packets), p.Streams)
	}
	for query, width := range map[string]int{"": 160, "&track=video0": 160, "&track=video1": 320} {
		p, err := rtmp.Dialer{}.Play(ctx, urls.Play.RTMP+query)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := p.Next(); err != nil || f.Track.Width != width || !f.Key {
			t.Errorf("%q over RTMP: %+v, %v", query, f, err)
		}
		_ = p.Close()
	}
	if res, body := ask(t, http.MethodGet, urls.Play.HLS+"&format=fmp4&track=video1", "", ""); !strings.Contains(body, "RESOLUTION=320x180") {
		t.Errorf("%s\n%s", res.Status, body)
	}
	if got := seenWidth(ctx, t, urls.Play.WHEP+"&track=video1"); got != 320 {
		t.Errorf("over WHEP it is %d wide", got)
	}
	for query, status := range map[string]int{"&track=video2": http.StatusNotFound, "&track=audio1": http.StatusNotFound, "&track=sub1": http.StatusBadRequest, "&track=video01": http.StatusBadRequest} {
		if res, body := ask(t, http.MethodGet, urls.Play.FLV+query, "", ""); res.StatusCode != status {
			t.Errorf("%s: %s %s", query, res.Status, body)
		}
	}
}

// seenWidth joins over WHEP and returns the width of the first picture that comes.
func seenWidth(ctx context.Context, t *testing.T, url string) int {
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
	p.join(t, url)
	a, around := rtp.NewAssembler(nil, nil), unwrapped{}
	for {
		select {
		case pk := <-packets:
			pk.Seq = around.place(pk.Seq)
			for _, f := range a.Assemble(&pk) {
				if s, err := h264.ParseSPS(f.Track.Params[0]); err == nil {
					return s.Width
				}
			}
		case <-ctx.Done():
			t.Fatal("no picture came")
		}
	}
}
