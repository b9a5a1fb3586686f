package rtc

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"millrace/internal/reason"
)

// page plays the stream, reports when pictures are decoded, and says goodbye.
const page = `<!doctype html><video id=v autoplay muted playsinline></video><script>
(async () => {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = e => { document.getElementById('v').srcObject = e.streams[0]; };
  await pc.setLocalDescription();
  const answer = await (await fetch('/play', {method: 'POST', body: pc.localDescription.sdp})).text();
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
  for (;;) {
    await new Promise(r => setTimeout(r, 100));
    const out = {};
    (await pc.getStats()).forEach(s => {
      if (s.type === 'inbound-rtp' && s.kind === 'video') Object.assign(out, {frames: s.framesDecoded, lost: s.packetsLost, width: s.frameWidth, pli: s.pliCount});
      if (s.type === 'inbound-rtp' && s.kind === 'audio') out.sounds = s.packetsReceived;
      if (s.type === 'transport') Object.assign(out, {cipher: s.srtpCipher, role: s.dtlsRole});
    });
    if (out.frames >= 50) {
      await fetch('/seen', {method: 'POST', body: JSON.stringify(out)});
      pc.close();
      return;
    }
  }
})();
</script>`

// A browser plays, decodes and says goodbye.
func TestChromium(t *testing.T) {
	src, err := encodePlain()
	must(t, err)
	r := newRoom(t, Config{})
	r.air(src)
	id, seen := make(chan string, 1), make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /play", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		session, answer, err := r.play(testName, string(body), "")
		if err != nil {
			t.Errorf("play: %v", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		id <- session
		_, _ = io.WriteString(w, answer)
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
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)     // killed, it leaves files there
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the browser is many processes
	must(t, cmd.Start())
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		web.CloseClientConnections()
		_ = os.RemoveAll(profile) // one that is still dying may be writing
	}()
	select {
	case body := <-seen:
		var out struct {
			Frames, Lost, Width, Sounds int
			Cipher, Role                string
		}
		must(t, json.Unmarshal(body, &out))
		t.Logf("%s", body)
		if out.Width != 320 || out.Lost != 0 || out.Cipher != "SRTP_AEAD_AES_128_GCM" || out.Role != "client" {
			t.Errorf("the browser reports %s", body)
		}
	case <-time.After(2 * patience):
		t.Fatal("the browser shows nothing")
	}
	r.ledger.awaitReason(t, <-id, reason.ClosedByPeer)
}
