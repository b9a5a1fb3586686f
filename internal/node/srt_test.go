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

// H265 and Opus go in over SRT and come out over it, encrypted, by the other form of
// streamid and with a latency of the caller's.
func TestHEVCAndOpusOverSRT(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery" // ffmpeg takes it as it is
	n := serveNode(t, func(c *config.Config) { c.NoAuth, c.SRTPassphrase = true, secret })
	server := fmt.Sprintf("srt://%s?passphrase=%s&latency=200000&streamid=", n.srt.Addr(), secret)
	ffmpeg(t, server+"push://push.localhost/live/s", "-c:v", "libx265", "-x265-params", "log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=2:pools=1:frame-threads=1",
		"-c:a", "libopus", "-b:a", "64k")
	n.live(t, "s")
	for query, want := range map[string]string{"": "hevc aac", "?audio=opus": "hevc opus"} {
		p := ffprobe(t, server+"#!::h=play.localhost,r=/live/s"+query+",m=request")
		var names []string
		for _, s := range p.Streams {
			names = append(names, s.CodecName)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q: streams are %s, want %s", query, got, want)
		}
		var count [2]int
		var last [2]int64 // in 90 kHz
		for _, pk := range p.Packets {
			kind, at := 0, pk.DTS
			if pk.CodecType == "audio" {
				kind, at = 1, pk.PTS
			}
			if count[kind] > 0 && at <= last[kind] {
				t.Errorf("%q: %s goes from %d to %d", query, pk.CodecType, last[kind], at)
			}
			count[kind]++
			last[kind] = at
		}
		if count[0] < 40 || count[1] < 60 {
			t.Errorf("%q: two seconds hold %d pictures and %d sounds", query, count[0], count[1])
		}
	}
}
