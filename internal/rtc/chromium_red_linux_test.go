package rtc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"millrace/internal/media"
)

// lossyPage plays the stream over a network that loses packets, with and without
// redundant sound and requests for sound, side by side, and reports what of the
// sound was concealed for six seconds, from the fourth on.
const lossyPage = `<!doctype html><body><script>
const sound = async pc => {
  let out;
  (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.kind === 'audio') out = s; });
  return out || {};
};
const play = async form => {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = e => {
    const v = document.createElement(e.track.kind);
    v.autoplay = v.muted = true;
    v.srcObject = new MediaStream([e.track]);
    document.body.append(v);
  };
  const offer = await pc.createOffer();
  let sdp = offer.sdp;
  if (!form.includes('red')) sdp = sdp.replace(/a=(rtpmap|fmtp):63 .*\r\n/g, '').replace(/(m=audio.*) 63/, '$1');
  if (form.includes('nack')) sdp = sdp.replace('a=rtpmap:111 opus/48000/2\r\n', '$&a=rtcp-fb:111 nack\r\n');
  await pc.setLocalDescription({type: 'offer', sdp});
  const answer = await (await fetch('/play', {method: 'POST', body: sdp})).text();
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
  return pc;
};
(async () => {
  const forms = ['red', 'red nack'];
  const all = await Promise.all(forms.map(play));
  const out = {};
  // What came in time is discarded when it comes once more, with later packets.
  const enough = () => forms.every(f => out[f].discarded > 100) && out['red nack'].nacks > 0;
  for (let i = 0; i < 120; i++) {
    await new Promise(r => setTimeout(r, 500));
    const are = await Promise.all(all.map(sound));
    forms.forEach((form, i) => {
      const s = are[i];
      out[form] = {received: s.packetsReceived || 0, lost: s.packetsLost || 0, discarded: s.packetsDiscarded || 0, nacks: s.nackCount || 0};
    });
    if (enough()) break;
  }
  await fetch('/seen', {method: 'POST', body: JSON.stringify(out)});
})();
</script>`

// heard is what a page says of one player's sound.
type heard struct{ Received, Lost, Discarded, Nacks float64 }

// withOpus is a clip with other sound.
func withOpus(t *testing.T, c *clip) *clip {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi",
		"-i", "aevalsrc='0.3*sin(2*PI*(300+200*sin(2*PI*3*t))*t)*(0.6+0.4*sin(2*PI*5*t))':s=48000:c=stereo", "-t", "2",
		"-c:a", "libopus", "-b:a", "64k", "-page_duration", "20000", "-f", "ogg", "-").Output()
	must(t, err)
	pages, _, err := oggreader.NewWith(bytes.NewReader(out))
	must(t, err)
	with := &clip{video: c.video, audio: testOpus}
	for _, f := range c.frames {
		if f.Track == c.video {
			with.frames = append(with.frames, f)
		}
	}
	for at := c.frames[0].DTS; at < c.frames[0].DTS+media.Time(2*time.Second); {
		data, _, err := pages.ParseNextPage()
		must(t, err)
		if bytes.HasPrefix(data, []byte("OpusTags")) {
			continue
		}
		with.frames = append(with.frames, &media.Frame{Track: testOpus, DTS: at, PTS: at, Key: true, Data: data})
		at += media.Time(soundEvery)
	}
	slices.SortStableFunc(with.frames, func(a, b *media.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return with
}

// A browser takes redundant sound, which begins on the way: the repeats in it are
// read, and discarded where they come too late to matter. One whose page wants
// sound repeated asks for what is missing all the same.
func TestChromiumRedundantSound(t *testing.T) {
	t.Parallel()
	src, err := encodePlain()
	must(t, err)
	src = withOpus(t, src)
	r := newRoom(t, Config{})
	r.air(src)
	rel := newRelay(t, r.server.Addr())
	random := rand.New(rand.NewPCG(1, 2))
	rel.let(serial(func(toServer bool, b []byte) bool {
		return toServer || !isRTP(b) || random.Float64() >= .1
	}))
	seen := make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, lossyPage)
	})
	mux.HandleFunc("POST /play", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		_, answer, err := r.play(testName, string(body), "")
		if err != nil {
			t.Errorf("play: %v", err)
		}
		_, _ = io.WriteString(w, rel.instead(answer))
	})
	mux.HandleFunc("POST /seen", func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		seen <- body
	})
	web := httptest.NewServer(mux)
	defer web.Close()
	profile, err := os.MkdirTemp("", "chromium")
	must(t, err)
	cmd := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, "--remote-debugging-port=0", web.URL)
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		web.CloseClientConnections()
		_ = os.RemoveAll(profile)
	}()
	var body []byte
	select {
	case body = <-seen:
	case <-time.After(3 * patience):
		t.Fatal("the browser says nothing")
	}
	t.Logf("%s", body)
	var out map[string]heard
	must(t, json.Unmarshal(body, &out))
	red, nack := out["red"], out["red nack"]
	if red.Discarded <= 100 || nack.Discarded <= 100 || nack.Nacks == 0 {
		t.Error("the browser makes no use of redundant sound, or asks for none")
	}
	if value(t, r.metrics.Redundant) == 0 {
		t.Error("no sound was sent redundantly")
	}
}
