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
  const forms = ['plain', 'red', 'nack', 'red nack'];
  const all = await Promise.all(forms.map(play));
  const seconds = n => new Promise(r => setTimeout(r, n * 1000));
  await seconds(4);
  const before = await Promise.all(all.map(sound));
  await seconds(6);
  const out = {};
  const after = await Promise.all(all.map(sound));
  forms.forEach((form, i) => {
    const a = before[i], b = after[i], d = k => (b[k] || 0) - (a[k] || 0);
    out[form] = {
      concealed: d('concealedSamples') - d('silentConcealedSamples'), samples: d('totalSamplesReceived'), events: d('concealmentEvents'),
      lost: d('packetsLost'), received: d('packetsReceived'), redundant: b.fecPacketsReceived || 0, discarded: d('packetsDiscarded'),
      nacks: b.nackCount || 0, delay: Math.round(1000 * d('jitterBufferDelay') / d('jitterBufferEmittedCount')),
      repeats: b.retransmittedPacketsReceived || 0,
    };
  });
  await fetch('/seen', {method: 'POST', body: JSON.stringify(out)});
})();
</script>`

// heard is what a page says of one player's sound.
type heard struct {
	Concealed, Samples, Events, Lost, Received, Redundant, Discarded, Nacks, Delay, Repeats float64
}

func (h heard) share() float64 { return h.Concealed / max(h.Samples, 1) }

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

// A browser takes redundant sound, which changes its form on the way, and
// conceals less: at a tenth lost, in twenty seconds, 1.3 % of the samples instead
// of 10.8 %. Where its page asks for repeats of sound, it is 0.3 to 1.3 %.
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
	for form, h := range out {
		t.Logf("%s: %.2f %% concealed, %.1f %% lost", form, 100*h.share(), 100*h.Lost/(h.Lost+h.Received))
	}
	plain, red, nack := out["plain"], out["red"], out["nack"]
	if plain.Lost == 0 || red.Lost == 0 || plain.Discarded > red.Discarded || red.Concealed >= plain.Concealed || nack.Nacks == 0 {
		t.Error("redundant sound or repeats of sound do not help")
	}
	if value(t, r.metrics.Redundant) == 0 {
		t.Error("no sound was sent redundantly")
	}
}
