package node

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"millrace/internal/config"
)

// srtURL is the URL of a stream to publish, which the node's own links give.
func (r *running) srtURL(t *testing.T, stream string) string {
	t.Helper()
	return r.links(t, stream).Publish.SRT
}

func TestFFmpegPublishesOverSRTAndFFprobeReadsFLV(t *testing.T) {
	n := serveNode(t, nil)
	ffmpeg(t, n.srtURL(t, "srt"))
	n.live(t, "srt")
	p := ffprobe(t, n.links(t, "srt").Play.FLV)
	names := []string{}
	for _, s := range p.Streams {
		names = append(names, s.CodecName)
	}
	if got := strings.Join(names, " "); got != "h264 aac" {
		t.Errorf("streams are %q", got)
	}
	video, audio := 0, 0
	for _, pk := range p.Packets {
		if pk.CodecType == "audio" {
			audio++
			continue
		}
		if video == 0 && !strings.Contains(pk.Flags, "K") {
			t.Error("the first picture is no key frame")
		}
		video++
	}
	if video < 40 || audio < 60 {
		t.Errorf("two seconds hold %d pictures and %d sounds", video, audio)
	}
}

func TestRTMPIsPlayedOverSRT(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "toSRT")
	ffmpeg(t, urls.Publish.RTMP)
	n.live(t, "toSRT")
	p := ffprobe(t, urls.Play.SRT)
	video, audio := 0, 0
	var last [2]int64
	for _, pk := range p.Packets {
		kind, count := 0, &video
		if pk.CodecType == "audio" {
			kind, count = 1, &audio
		}
		if *count == 0 && !strings.Contains(pk.Flags, "K") {
			t.Errorf("the first %s is no key frame", pk.CodecType)
		}
		*count++
		if pk.DTS <= last[kind] {
			t.Errorf("%s: DTS %d after %d", pk.CodecType, pk.DTS, last[kind])
		}
		last[kind] = pk.DTS
	}
	if video < 40 || audio < 60 {
		t.Errorf("two seconds hold %d pictures and %d sounds", video, audio)
	}
}

// callSRT publishes a moment of nothing and returns what ffmpeg says.
func callSRT(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "verbose", "-f", "lavfi", "-i", "testsrc=size=64x64", "-t", "1", "-f", "mpegts", url)
	cmd.Stderr = &said
	_ = cmd.Run()
	return said.String()
}

func TestRefusalsOverSRT(t *testing.T) {
	n := serveNode(t, nil)
	good := n.srtURL(t, "none")
	server, id, _ := strings.Cut(good, "?streamid=")
	key := id[strings.Index(id, "auth_key=")+len("auth_key=") : strings.Index(id, ",m=")]
	for name, c := range map[string]struct {
		id, why string
		code    int
	}{
		"no signature":    {"#!::r=/live/none,m=publish", "auth", 1401},
		"another's":       {"#!::r=/live/other?auth_key=" + key + ",m=publish", "auth", 1401},
		"no such domain":  {"#!::h=elsewhere.test,r=/live/none?auth_key=" + key + ",m=publish", "unknown_domain", 1403},
		"no form at all":  {"live/none", "bad_request", 1400},
		"no stream":       {"push://localhost/live?auth_key=" + key, "bad_name", 1400},
		"bad stream name": {"push://localhost/live/a%2fb?auth_key=" + key, "bad_name", 1400},
		"a file":          {"#!::r=/live/none?auth_key=" + key + ",t=file,m=publish", "codec", 1415},
	} {
		said := callSRT(t, server+"?streamid="+strings.ReplaceAll(c.id, "%", "%25"))
		want := fmt.Sprintf("reason=%s code=%d", c.why, c.code)
		if !strings.Contains(n.log.String(), want) || !strings.Contains(said, "REJECT") {
			t.Errorf("%s: no %q in the log; ffmpeg says\n%s", name, want, said)
		}
	}
}

func TestHalfSecondRefusesSRT(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth, c.RTSMode = true, "half-second" })
	callSRT(t, fmt.Sprintf("srt://%s?streamid=#!::r=/live/x,m=publish", n.srt.Addr()))
	if !strings.Contains(n.log.String(), "reason=mode code=1403") {
		t.Errorf("the log says\n%s", n.log)
	}
}
