package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run starts millrace as a process whose standard error is kept.
func start(t *testing.T, stdin *os.File, stdout string, args ...string) (cmd *exec.Cmd, errs *bytes.Buffer) {
	t.Helper()
	cmd, errs = exec.Command(os.Args[0], args...), &bytes.Buffer{}
	cmd.Env, cmd.Stderr = append(os.Environ(), runAsProgram+"=1"), errs
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != "" {
		f, err := os.Create(stdout)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout = f
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		_ = cmd.Process.Kill() // most tests have ended it
		_ = cmd.Wait()
	})
	return cmd, errs
}

func encodeClip(t *testing.T, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	args := []string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi",
		"-i", "sine=frequency=440:sample_rate=44100", "-t", "3", "-ac", "2"}
	if out, err := exec.Command("ffmpeg", append(append(args, options...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// probe is what ffprobe says of a file's streams.
func probe(t *testing.T, path string) string {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries",
		"stream=codec_name,profile,width,has_b_frames,sample_rate,channels,nb_read_packets", "-of", "compact", path)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("ffprobe %s: %v, %s", path, err, &errs)
	}
	return string(out)
}

// A file with B-frames and AAC is published and played in both containers;
// ffmpeg finds nothing wrong with them, and a signal ends all in order.
func TestPublishAndPlay(t *testing.T) {
	s := serve(t, "--no-auth")
	host := s.find(t, `http://(localhost:\d+)/\n`)
	host = strings.Replace(host, "localhost", "127.0.0.1", 1)
	clip := encodeClip(t, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "25", "-c:a", "aac")
	publisher, said := start(t, nil, "", "publish", "artc://"+host+"/live/file", "-i", clip, "--loop", "--stats", "--wait")
	dir := t.TempDir()
	for _, c := range []struct{ url, format string }{
		{"artc://" + host + "/live/file", "flv"}, {"http://" + host + "/whep/live/file", "mpegts"},
	} {
		path := filepath.Join(dir, "out."+c.format)
		player, errs := start(t, nil, path, "play", c.url, "--format", c.format, "--duration", "3s", "--stats", "--wait")
		if err := player.Wait(); err != nil {
			t.Fatalf("play: %v: %s", err, errs)
		}
		for _, want := range []string{"Mbit/s", "delay ", "first frame ", "lost 0", "played "} {
			if !strings.Contains(errs.String(), want) {
				t.Errorf("%s: no %q in %s", c.format, want, errs)
			}
		}
		got := probe(t, path)
		for _, want := range []string{"codec_name=h264", "has_b_frames=2", "width=320", "codec_name=aac", "sample_rate=44100", "channels=2"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in %s", c.format, want, got)
			}
		}
		if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0", "-c", "copy", "-f", "mpegts", "-y", os.DevNull).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("ffmpeg reads %s: %v, %s", c.format, err, out)
		}
		if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", "rawvideo", "-y", os.DevNull).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("ffmpeg decodes %s: %v, %s", c.format, err, out)
		}
	}
	if err := publisher.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := publisher.Wait(); err != nil || !strings.Contains(said.String(), "published ") {
		t.Errorf("publish: %v: %s", err, said)
	}
}

// FLV that another program writes in real time goes in by standard input.
func TestPublishStdin(t *testing.T) {
	s := serve(t, "--no-auth")
	host := strings.Replace(s.find(t, `http://(localhost:\d+)/\n`), "localhost", "127.0.0.1", 1)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	encoder := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-f", "flv", "-")
	encoder.Stdout = w
	if err := encoder.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	publisher, said := start(t, r, "", "publish", "http://"+host+"/live/pipe", "--wait")
	_ = r.Close()
	path := filepath.Join(t.TempDir(), "out.flv")
	player, errs := start(t, nil, "", "play", "artc://"+host+"/live/pipe", "-o", path, "--duration", "1s", "--wait")
	if err := player.Wait(); err != nil {
		t.Errorf("play: %v: %s", err, errs)
	}
	if got := probe(t, path); !strings.Contains(got, "codec_name=h264") {
		t.Errorf("got %s", got)
	}
	_ = encoder.Process.Signal(syscall.SIGINT)
	_ = encoder.Wait()
	if err := publisher.Wait(); err != nil || !strings.Contains(said.String(), "published ") { // the input has ended
		t.Errorf("publish: %v: %s", err, said)
	}
}

func TestPublishAndPlayRefuse(t *testing.T) {
	s := serve(t)
	host := strings.Replace(s.find(t, `http://(localhost:\d+)/\n`), "localhost", "127.0.0.1", 1)
	hevc := encodeClip(t, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-c:a", "aac")
	for _, c := range []struct{ args, errs string }{
		{"publish rtmp://h/live/s -i " + hevc, "-c:v libx264"},
		{"publish artc://" + host + "/live/s -i /nowhere/file", "no such file"},
		{"play artc://" + host + "/live/s", "403"},
		{"play artc://" + host + "/live/s --format mkv", "mkv"},
		{"play ftp://" + host + "/live/s", "not with artc, http or https"},
	} {
		status, out, errs := call(strings.Fields(c.args)...)
		if status == 0 || out != "" || !strings.Contains(errs, c.errs) {
			t.Errorf("%s: status %d, out %q, err %q", c.args, status, out, errs)
		}
	}
}
