package rtc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// publishing makes pictures and sound, sends them, and reports what the server
// told about them. ?layers=3 sends simulcast.
const publishing = `<!doctype html><canvas id=c width=640 height=360></canvas><script>
(async () => {
  const c = document.getElementById('c'), g = c.getContext('2d');
  let n = 0;
  setInterval(() => { g.fillStyle = 'hsl(' + (n * 7) % 360 + ' 80% 50%)'; g.fillRect(0, 0, 640, 360);
    g.fillStyle = '#fff'; g.font = '90px monospace'; g.fillText(n++, 60, 200); }, 33);
  const audio = new AudioContext(), tone = audio.createOscillator(), out = audio.createMediaStreamDestination();
  tone.connect(out); tone.start();
  const layers = Number(new URLSearchParams(location.search).get('layers') || 1), encodings = [];
  for (let i = layers - 1; i >= 0; i--) encodings.push({rid: 'q' + i, scaleResolutionDownBy: 2 ** i});
  const pc = new RTCPeerConnection();
  pc.addTransceiver(out.stream.getAudioTracks()[0], {direction: 'sendonly'});
  const t = pc.addTransceiver(c.captureStream(30).getVideoTracks()[0],
    layers > 1 ? {direction: 'sendonly', sendEncodings: encodings} : {direction: 'sendonly'});
  const codecs = RTCRtpSender.getCapabilities('video').codecs;
  const first = codecs.filter(x => x.mimeType === (layers > 1 ? 'video/VP8' : 'video/H264'));
  t.setCodecPreferences(first.concat(codecs.filter(x => x.mimeType === 'video/rtx')));
  await pc.setLocalDescription();
  const answer = await (await fetch('/publish', {method: 'POST', body: pc.localDescription.sdp})).text();
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
  for (;;) {
    await new Promise(r => setTimeout(r, 200));
    const out = {frames: 0, nacks: 0, pli: 0, resent: 0, streams: 0};
    (await pc.getStats()).forEach(s => {
      if (s.type === 'outbound-rtp' && s.kind === 'video') { out.streams++; out.frames = Math.max(out.frames, s.framesEncoded); out.nacks += s.nackCount;
        out.pli += s.pliCount; out.resent += s.retransmittedPacketsSent; }
      if (s.type === 'remote-inbound-rtp' && s.kind === 'video') Object.assign(out, {rtt: s.roundTripTime, lost: s.packetsLost, reports: true});
      if (s.type === 'candidate-pair' && s.nominated) out.rate = s.availableOutgoingBitrate;
    });
    await fetch('/stats', {method: 'POST', body: JSON.stringify(out)});
  }
})();
</script>`

type browserStats struct {
	Frames, Nacks, Pli, Resent, Streams, Lost int
	Rtt, Rate                                 float64
	Reports                                   bool
}

// browse lets a browser publish; its reports come on the result's channel.
func (r *room) browse(query string, rel *relay) (cam *camera, stats chan browserStats) {
	r.t.Helper()
	cam, stats = &camera{t: r.t, room: r}, make(chan browserStats, 1<<10)
	ready := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, publishing)
	})
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		id, answer, err := r.publish(cam, testName, string(body))
		if err != nil {
			r.t.Errorf("publish: %v", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if rel != nil {
			answer = rel.instead(answer)
		}
		cam.id = id
		close(ready)
		_, _ = io.WriteString(w, answer)
	})
	mux.HandleFunc("POST /stats", func(_ http.ResponseWriter, q *http.Request) {
		var s browserStats
		if json.NewDecoder(q.Body).Decode(&s) == nil {
			select {
			case stats <- s:
			default:
			}
		}
	})
	web := httptest.NewServer(mux)
	profile, err := os.MkdirTemp("", "chromium")
	must(r.t, err)
	cmd := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, "--remote-debugging-port=0", web.URL+"/"+query)
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(r.t, cmd.Start())
	r.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		web.CloseClientConnections()
		web.Close()
		_ = os.RemoveAll(profile)
	})
	select {
	case <-ready:
	case <-time.After(2 * patience):
		r.t.Fatal("the browser does not publish")
	}
	return cam, stats
}

// awaitStats waits for a report of the browser.
func awaitStats(t testing.TB, stats chan browserStats, want func(browserStats) bool) browserStats {
	t.Helper()
	limit := time.After(2 * patience)
	var last browserStats
	for {
		select {
		case last = <-stats:
			if want(last) {
				return last
			}
		case <-limit:
			t.Fatalf("the browser reports %+v", last)
		}
	}
}

// A browser publishes over a network that loses packets; what it encodes comes
// out as whole frames, and it learns that it has room.
func TestChromiumPublishes(t *testing.T) {
	r := newRoom(t, Config{})
	rel := newRelay(t, r.server.Addr())
	n := 0
	rel.let(serial(func(toServer bool, b []byte) bool {
		n++
		return !toServer || b[0] < 128 || n%30 != 7
	}))
	cam, stats := r.browse("", rel)
	reader := r.ready(testName)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var pictures, sounds int
	var last [2]media.Time
	for pictures < 120 || sounds < 100 {
		f, err := reader.Next(ctx)
		must(t, err)
		if pictures == 0 && f.Track.Kind == media.Video && !f.Key {
			t.Fatal("the first picture is no key frame")
		}
		if f.DTS <= last[f.Track.Kind] {
			t.Fatalf("%v at %v follows %v", f.Track.Kind, f.DTS, last[f.Track.Kind])
		}
		last[f.Track.Kind] = f.DTS
		if f.Track.Kind == media.Video {
			pictures++
		} else {
			sounds++
		}
	}
	if d := last[0].Sub(last[1]); d > 300*time.Millisecond || d < -300*time.Millisecond {
		t.Errorf("pictures and sounds are %v apart", d)
	}
	s := awaitStats(t, stats, func(s browserStats) bool { return s.Reports && s.Rate > 600_000 && s.Resent > 0 })
	t.Logf("%+v", s)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	t.Logf("%v", line)
	if line["recovered"].Uint64() == 0 || line["lost"].Uint64() > 2 {
		t.Errorf("closing line: %v", line)
	}
}

// A browser publishes three layers; the largest is forwarded.
func TestChromiumPublishesLayers(t *testing.T) {
	r := newRoom(t, Config{})
	cam, stats := r.browse("?layers=3", nil)
	l := r.logOf(testName)
	var was *media.Packet
	limit := time.Now().Add(2 * patience)
	for {
		pk := l.next(media.Video)
		if was != nil && pk.Seq != was.Seq+1 {
			t.Fatalf("number %d follows %d", pk.Seq, was.Seq)
		}
		was = pk
		in := r.session(cam.id).ingest
		in.mu.Lock()
		// How many layers it sends is the browser's to decide.
		track := in.tracks[media.Video]
		f := track.forwarded
		done := f != nil && f == track.best(in.now().since) && f.width > 160
		in.mu.Unlock()
		if done {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the largest layer is not forwarded")
		}
	}
	t.Logf("%+v", awaitStats(t, stats, func(s browserStats) bool { return s.Streams == 3 }))
	r.server.Close(cam.id, reason.Kicked)
	t.Logf("%v", r.ledger.awaitReason(t, cam.id, reason.Kicked))
}
