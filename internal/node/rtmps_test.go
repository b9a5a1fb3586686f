package node

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/internal/config"
	"millrace/internal/datadir"
)

// TestRTMPS publishes and plays by ffmpeg over TLS, with the signed URLs.
func TestRTMPS(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.RTMPSAddr = "127.0.0.1:0" })
	urls := n.links(t, "s")
	secure := func(url string) string {
		return strings.Replace("rtmps"+strings.TrimPrefix(url, "rtmp"), n.open.rtmp.Addr().String(), n.open.rtmps.Addr().String(), 1)
	}
	defer ffmpeg(t, secure(urls.Publish.RTMP))()
	n.live(t, "s")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	play := func(url string, frames string) (string, error) {
		out, err := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error",
			"-i", url, "-frames:v", frames, "-f", "null", "-").CombinedOutput()
		return string(out), err
	}
	if out, err := play(secure(urls.Play.RTMP), "10"); err != nil {
		t.Error(err, out)
	}
	plain, _, _ := strings.Cut(secure(urls.Play.RTMP), "?")
	if out, err := play(plain, "1"); err == nil || !strings.Contains(out, "no url arg auth_key") {
		t.Errorf("without a signature: %v, %s", err, out)
	}
}

// trustedFile holds the certificate that this program trusts, and its key.
var trustedFile string

// trusted makes that certificate. It is the only one, so that a test need not touch
// what others run by; the system's authorities are read once in a program's life.
func trusted() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "millrace-trusted-"); err != nil {
		return "", err
	}
	d, err := datadir.Open(dir)
	if err != nil {
		return dir, err
	}
	names := []string{"localhost", "push.localhost", "play.localhost"}
	if _, err = d.Certificate(names, certificateIPs(config.Default()), time.Now()); err != nil {
		return dir, err
	}
	trustedFile = filepath.Join(dir, "tls.pem")
	return dir, os.Setenv("SSL_CERT_FILE", trustedFile)
}

// TestRelayOverRTMPS pulls from a server whose certificate nobody knows, then from one
// that is trusted, and pushes back to that.
func TestRelayOverRTMPS(t *testing.T) {
	t.Parallel()
	secured := func(trusted bool) *running {
		return serveNode(t, func(c *config.Config) {
			c.NoAuth, c.RTMPSAddr = true, "127.0.0.1:0"
			if !trusted {
				return
			}
			pem, err := os.ReadFile(trustedFile)
			if err == nil {
				err = os.WriteFile(filepath.Join(c.DataDir, "tls.pem"), pem, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	stranger, origin := secured(false), secured(true)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	to := "rtmps://" + origin.open.rtmps.Addr().String()
	n := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Pull = config.Pulls{{Stream: "live/s", Always: true, From: []string{"rtmps://" + stranger.open.rtmps.Addr().String() + "/live/s", to + "/{app}/{stream}"}}}
		c.Push = config.Pushes{{Stream: "live/s", To: []string{to + "/{app}/copy-{stream}", "rtmps://" + stranger.open.rtmps.Addr().String() + "/live/copy-s"}}}
	})
	n.live(t, "s")
	n.awaitLog(t, "pull closed", "proto=rtmps", "reason=handshake_failed")
	n.awaitLog(t, "push closed", "proto=rtmps", "reason=handshake_failed")
	origin.live(t, "copy-s")
	both(t, origin.url("/live/copy-s.flv"))
}
