package httplive_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// starts says how the web server of a stage is started, by name.
var starts = map[string]func(*httptest.Server){
	"HTTP/1.1":     nil,
	"TLS":          (*httptest.Server).StartTLS,
	"HTTP/2":       func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	"not hijacked": func(s *httptest.Server) { s.Config.Handler = noHijack(s.Config.Handler); s.Start() },
}

// noHijack hides all of the ResponseWriter but writing, flushing and deadlines.
func noHijack(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(plainWriter{w}, r) })
}

type plainWriter struct{ w http.ResponseWriter }

func (p plainWriter) Header() http.Header         { return p.w.Header() }
func (p plainWriter) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p plainWriter) WriteHeader(status int)      { p.w.WriteHeader(status) }
func (p plainWriter) Flush()                      { p.w.(http.Flusher).Flush() }
func (p plainWriter) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(p.w).SetWriteDeadline(t)
}

func TestFramesArriveUnchanged(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{start: start})
			all := frames(t)
			p := s.publish(t, first(tracks(all)), second(tracks(all)))
			half := len(all) / 2
			write(t, p, all[:half]...)
			r, resp := s.get(t)
			if got := resp.Header.Get("Content-Type"); got != "video/x-flv" {
				t.Errorf("content type %q", got)
			}
			got := next(t, r, half)
			write(t, p, all[half:]...)
			got = append(got, next(t, r, len(all)-half)...)
			compare(t, got, frames(t))
			p.Close(reason.ClosedByPeer)
			if f, err := r.Next(); err != io.EOF {
				t.Errorf("after the end of the stream: %v, %v", f, err)
			}
			if line := s.closed(t); line["reason"] != "stream_ended" || line["proto"] != "http-flv" || line["stream"] != "live/demo" {
				t.Errorf("closing line %v", line)
			}
		})
	}
}

func first(a, _ *media.Track) *media.Track  { return a }
func second(_, b *media.Track) *media.Track { return b }

// compare checks that got are want, shifted in time.
func compare(t *testing.T, got, want []*media.Frame) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	shift := got[0].DTS - want[0].DTS
	for i, w := range want {
		g := got[i]
		if !bytes.Equal(g.Data, w.Data) || g.Key != w.Key || g.Track.Codec != w.Track.Codec {
			t.Fatalf("frame %d differs: %v %v", i, g.Track, w.Track)
		}
		if g.DTS != w.DTS+shift || g.PTS != w.PTS+shift {
			t.Fatalf("frame %d: DTS %d PTS %d, want %d %d shifted by %d", i, g.DTS, g.PTS, w.DTS, w.PTS, shift)
		}
	}
}

func TestTimestampsBeginSmall(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	for _, f := range all { // a publisher whose clock shows a year
		f.DTS += media.Time(365 * 24 * time.Hour)
		f.PTS += media.Time(365 * 24 * time.Hour)
	}
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	r, _ := s.get(t)
	if f := next(t, r, 1)[0]; f.DTS != media.Time(500*time.Millisecond) {
		t.Errorf("the first frame is at %v", time.Duration(f.DTS))
	}
}

func TestFFprobeSeesTheSource(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all...)
	cmd := exec.Command("ffprobe", "-loglevel", "error", "-show_entries", "packet=codec_type,pts,dts,size,flags",
		"-of", "csv=p=0", s.web.URL+"/live/demo.flv")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, s.played)
	p.Close(reason.ClosedByPeer)
	if err := cmd.Wait(); err != nil || problems.Len() > 0 {
		t.Fatalf("ffprobe: %v\n%s", err, &problems)
	}
	file, err := clip()
	if err != nil {
		t.Fatal(err)
	}
	want := shifted(t, file)
	if got := strings.Fields(out.String()); len(got) < 100 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("ffprobe sees\n%s\nin the source, 500 ms later\n%s", out.String(), strings.Join(want, "\n"))
	}
}

// shifted lets ffprobe list the packets of a file, 500 ms later.
func shifted(t *testing.T, file []byte) []string {
	t.Helper()
	late := exec.Command("ffmpeg", "-loglevel", "error", "-copyts", "-itsoffset", "0.5", "-i", "-", "-map", "0", "-c", "copy",
		"-output_ts_offset", "0", "-f", "flv", "-flvflags", "no_duration_filesize", "-")
	late.Stdin = bytes.NewReader(file)
	moved, err := late.Output()
	if err != nil {
		t.Fatal(err)
	}
	probe := exec.Command("ffprobe", "-loglevel", "error", "-show_entries", "packet=codec_type,pts,dts,size,flags", "-of", "csv=p=0", "-")
	probe.Stdin = bytes.NewReader(moved)
	out, err := probe.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func await(t testing.TB, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
}

func TestFFmpegDecodesEveryPicture(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all...)
	cmd := exec.Command("ffmpeg", "-loglevel", "error", "-i", s.web.URL+"/live/demo.flv", "-map", "0:v", "-fps_mode", "passthrough", "-f", "framehash", "-")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, s.played)
	p.Close(reason.ClosedByPeer)
	if err := cmd.Wait(); err != nil || problems.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, &problems)
	}
	pictures := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "#") {
			pictures++
		}
	}
	if pictures != 50 {
		t.Errorf("%d pictures of 50 were decoded", pictures)
	}
}

func TestViewersShareOneReader(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	for range 3 {
		r, _ := s.get(t)
		compare(t, next(t, r, len(all)), frames(t))
	}
	if stats := s.hub.Stats(); len(stats) != 1 || stats[0].Readers != 1 {
		t.Errorf("three viewers: %+v", stats)
	}
	if n := s.count(t, "millrace_httplive_viewers", nil); n != 3 {
		t.Errorf("%v viewers are counted", n)
	}
	s.server.Close()
	if n := s.count(t, "millrace_httplive_first_byte_seconds", nil); n != 3 {
		t.Errorf("%v first bytes are counted", n)
	}
	if stats := s.hub.Stats(); stats[0].Readers != 0 {
		t.Errorf("a reader is left: %+v", stats)
	}
	if n := s.count(t, "millrace_httplive_viewers", nil); n != 0 {
		t.Errorf("%v viewers are counted after Close", n)
	}
}

func TestOpus(t *testing.T) {
	s := newStage(t, stageOptions{})
	track := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	p := s.publish(t, nil, track)
	at := func(i int) *media.Frame {
		ts := media.Time(i) * media.Time(20*time.Millisecond)
		return &media.Frame{Track: track, DTS: ts, PTS: ts, Key: true, Data: []byte{0xfc, byte(i)}}
	}
	write(t, p, at(0))
	r, _ := s.get(t, "audio=opus")
	got := next(t, r, 1)
	write(t, p, at(1), at(2))
	compare(t, append(got, next(t, r, 2)...), []*media.Frame{at(0), at(1), at(2)})
}

func TestPublisherComesBack(t *testing.T) {
	s := newStage(t, stageOptions{linger: patience})
	all := frames(t)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all...)
	r, _ := s.get(t)
	before := next(t, r, len(all))
	p.Close(reason.PeerGone)

	again := frames(t)
	other := *first(tracks(again))
	other.Params = [][]byte{other.Params[0], append(bytes.Clone(other.Params[1]), 0x80)}
	for _, f := range again {
		if f.Track.Kind == media.Video {
			f.Track = &other
		}
	}
	p = s.publish(t, &other, second(tracks(again)))
	write(t, p, again...)
	after := next(t, r, len(again))
	last, oldTrack := before[len(before)-1], before[0].Track
	if after[0].DTS <= last.DTS || !after[0].Key {
		t.Errorf("went on at %v (key %v) after %v", after[0].DTS, after[0].Key, last.DTS)
	}
	if after[0].Track == oldTrack || !bytes.Equal(after[0].Track.Params[1], other.Params[1]) {
		t.Error("the new parameters were not told")
	}
	for i := range after {
		if !bytes.Equal(after[i].Data, again[i].Data) {
			t.Fatalf("frame %d after the return differs", i)
		}
	}
	if n := len(s.played); n != 1 {
		t.Errorf("%d requests were made", n)
	}
}

func TestServerCloses(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{start: start})
			all := frames(t)
			write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
			r, _ := s.get(t)
			next(t, r, len(all))
			s.server.Close()
			if line := s.closed(t); line["reason"] != "shutdown" {
				t.Errorf("closing line %v", line)
			}
			resp, err := s.client.Get(s.web.URL + "/live/demo.flv")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("a closed server answers %s", resp.Status)
			}
		})
	}
}

// breaking is a ResponseWriter that panics.
type breaking struct{ plainWriter }

func (breaking) Write([]byte) (int, error) { panic(http.ErrAbortHandler) }

// What net/http makes of a panic is the end of one viewer, who leaves nothing behind.
func TestPanicLeavesNothing(t *testing.T) {
	s := newStage(t, stageOptions{start: func(s *httptest.Server) {
		h := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(breaking{plainWriter{w}}, r) })
		s.Start()
	}})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	if resp, err := s.client.Get(s.web.URL + "/live/demo.flv"); err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("the response ends as if all were well")
		}
	}
	s.web.Close() // has seen the handler return
	if n := s.count(t, "millrace_httplive_viewers", nil); n != 0 {
		t.Errorf("%v viewers are counted", n)
	}
}

func TestViewerLeaves(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{start: start})
			all := frames(t)
			p := s.publish(t, first(tracks(all)), second(tracks(all)))
			write(t, p, all...)
			r, resp := s.get(t)
			next(t, r, len(all))
			resp.Body.Close()
			s.client.CloseIdleConnections()
			if line := s.leaves(t, p, all[len(all)-1]); line["reason"] != "peer_gone" {
				t.Errorf("closing line %v", line)
			}
		})
	}
}

// leaves publishes until a viewer's closing line comes: a connection without
// traffic does not tell that its peer is gone.
func (s *stage) leaves(t *testing.T, p *live.Publisher, last *media.Frame) map[string]string {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		select {
		case line := <-s.closing:
			return line
		case <-end:
			t.Fatal("the viewer is still served")
		case <-tick.C:
			more := *last
			more.Key = false
			write(t, p, &more)
		}
	}
}

func TestHTTP2IsUsed(t *testing.T) {
	s := newStage(t, stageOptions{start: starts["HTTP/2"]})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	if _, resp := s.get(t); resp.ProtoMajor != 2 {
		t.Errorf("protocol %s", resp.Proto)
	}
	one := newStage(t, stageOptions{start: starts["TLS"]})
	write(t, one.publish(t, first(tracks(frames(t))), nil), frames(t)[0])
	if _, resp := one.get(t); resp.ProtoMajor != 1 || resp.TLS == nil || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("protocol %s", resp.Proto)
	}
}

func TestFileBeginsLikeFLV(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	_, resp := s.get(t) // before any frame: the headers come at once
	var want []byte
	want = flv.AppendFileHeader(want, first(tracks(all)), second(tracks(all)))
	want = flv.AppendMetadata(want, first(tracks(all)), second(tracks(all)), 0)
	for _, track := range []*media.Track{first(tracks(all)), second(tracks(all))} {
		var err error
		if want, err = flv.AppendConfig(want, track, 0); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(resp.Body, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n got %x\nwant %x", err, got, want)
	}
	p.Close(reason.ClosedByPeer)
}

// TestEnhancedVideoIsPlayed plays what FLV carries in the enhanced form only.
func TestEnhancedVideoIsPlayed(t *testing.T) {
	s := newStage(t, stageOptions{config: unhurried})
	video := &media.Track{Kind: media.Video, Codec: media.VP9, Width: 322, Height: 242}
	key, inter := []byte{0x82, 0x49, 0x83, 0x42, 0, 0x14, 0x10, 0x0f, 0x16, 4}, []byte{0x86, 0, 1}
	p := s.publish(t, video, nil)
	write(t, p, &media.Frame{Track: video, Key: true, Data: key})
	r, _ := s.get(t)
	write(t, p, &media.Frame{Track: video, DTS: 40e6, PTS: 40e6, Data: inter})
	got := next(t, r, 2)
	if f := got[0]; !f.Key || f.Track.Codec != media.VP9 || f.Track.Width != 322 || !bytes.Equal(f.Data, key) {
		t.Errorf("first frame is %+v", f)
	}
	if f := got[1]; f.Key || f.DTS-got[0].DTS != 40e6 || !bytes.Equal(f.Data, inter) {
		t.Errorf("second frame is %+v", f)
	}
}
