//go:build obs

package node

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// profile is what OBS finds when it starts: a profile that publishes to server, and
// a scene of one file.
func profile(t *testing.T, server, key string) (home string) {
	t.Helper()
	home = t.TempDir()
	clip := filepath.Join(home, "clip.mp4")
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30",
		"-f", "lavfi", "-i", "sine=440", "-t", "5", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", clip).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	type object = map[string]any
	text := func(o object) string {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, content := range map[string]string{
		"global.ini": "[General]\nFirstRun=true\nEnableAutoUpdates=false\nConfirmOnExit=false\n" +
			"[Basic]\nProfile=test\nProfileDir=test\nSceneCollection=test\nSceneCollectionFile=test\n[BasicWindow]\nSysTrayEnabled=false\n",
		"basic/profiles/test/basic.ini": "[General]\nName=test\n[Output]\nMode=Simple\n" +
			"[SimpleOutput]\nVBitrate=800\nABitrate=128\nStreamEncoder=x264\nPreset=ultrafast\nUseAdvanced=true\nx264Settings=tune=zerolatency keyint=60\n" +
			"[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSType=0\nFPSCommon=30\n[Audio]\nSampleRate=48000\nChannelSetup=Stereo\n",
		"basic/profiles/test/service.json": text(object{"type": "rtmp_custom", "settings": object{"server": server, "key": key}}),
		"basic/scenes/test.json": text(object{
			"name": "test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": []object{{"name": "Scene"}},
			"sources": []object{
				{"id": "ffmpeg_source", "name": "clip", "enabled": true, "volume": 1, "mixers": 255, "settings": object{"local_file": clip, "looping": true, "is_local_file": true}},
				{"id": "scene", "name": "Scene", "enabled": true, "settings": object{"id_counter": 1, "items": []object{
					{"name": "clip", "id": 1, "visible": true, "align": 5, "scale": object{"x": 1, "y": 1}},
				}}},
			},
		}),
	} {
		file := filepath.Join(home, ".config/obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// OBS itself, without a screen, publishes over RTMP and says goodbye. `make obs`
// runs this; it wants Debian's obs-studio and xvfb.
func TestOBS(t *testing.T) {
	n := open(t)
	home := profile(t, n.rtmpURL("/live"), "obs")
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("xvfb-run", "-a", "-s", "-screen 0 1280x720x24", "obs", "--startstreaming", "--profile", "test", "--collection", "test", "--multi", "--disable-shutdown-check")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", "LIBGL_ALWAYS_SOFTWARE=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if b, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s", b)
		}
	})
	n.live(t, "obs")
	for _, url := range []string{n.url("/live/obs.flv"), n.rtmpURL("/live/obs")} {
		p, kinds := ffprobe(t, url), map[string]int{}
		for _, pk := range p.Packets {
			kinds[pk.CodecType]++
		}
		if len(p.Streams) != 2 || p.Streams[0].CodecName != "h264" || p.Streams[0].Width != 640 || p.Streams[1].CodecName != "aac" || p.Streams[1].SampleRate != "48000" {
			t.Errorf("%s: %+v", url, p.Streams)
		}
		if kinds["video"] < 55 || kinds["audio"] < 85 {
			t.Errorf("two seconds of %s hold %v", url, kinds)
		}
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	n.awaitLog(t, "rtmp connection closed", "stream=live/obs", "reason=closed_by_peer", "video=", "dropped=0")
	select {
	case err := <-ended:
		ended <- err
	case <-time.After(patience):
		t.Error("OBS does not end")
	}
}
