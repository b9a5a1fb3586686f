package node

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"millrace/internal/config"
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
