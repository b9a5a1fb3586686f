package banner

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"millrace/internal/links"
)

const token = "?auth_key=1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"

func facts() Facts {
	end := time.Unix(1740648618, 0)
	return Facts{
		Version: "v0.1.0",
		Pages:   []string{"http://localhost:8080/", "https://192.168.100.200:8443/"},
		Demo:    true,
		Publish: "http://localhost:8080/publish", PublishTLS: "https://192.168.100.200:8443/publish",
		WHIPTLS: "https://192.168.100.200:8443/live/show" + token,
		Name:    "live/show",
		Links: links.Set{
			Publish: links.Publish{
				WHIP: "http://localhost:8080/live/show" + token, ARTC: "artc://localhost:8080/live/show" + token,
				RTMP:   "rtmp://localhost/live/show" + token,
				Server: "rtmp://localhost/live", Key: "show" + token,
				SRT: "srt://localhost:1105?streamid=#!::r=/live/show" + token + ",m=publish",
			},
			Play: links.Play{
				ARTC: "artc://localhost:8080/live/show" + token,
				WHEP: "http://localhost:8080/whep/live/show" + token,
				FLV:  "http://localhost:8080/live/show.flv" + token,
				RTMP: "rtmp://localhost/live/show" + token, RTMPS: "rtmps://localhost:1936/live/show" + token,
				SRT: "srt://localhost:1105?streamid=#!::r=/live/show" + token + ",m=request",
				HLS: "http://localhost:8080/live/show.m3u8" + token,
			},
			Expires: &end,
		},
		Admin: "http://127.0.0.1:9090", DataDir: "./data",
	}
}

func TestFirstKeyIsShownWhereThereIsOne(t *testing.T) {
	f := facts()
	f.AccessKey, f.AccessSecret = "MRKEY", "SECRET"
	got := printed(f)
	for _, want := range []string{"Endpoint", "http://127.0.0.1:9090", "MRKEY", "SECRET", "shown once"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	narrow(t, got)
	if strings.Contains(printed(facts()), "AccessKey") {
		t.Error("a key is shown that was not made")
	}
}

func printed(f Facts) string {
	var b bytes.Buffer
	Print(&b, f)
	return b.String()
}

func TestPlainText(t *testing.T) {
	got := printed(facts())
	want, err := os.ReadFile("testdata/banner.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	narrow(t, got)
}

func TestWithoutSignaturesAndRTMP(t *testing.T) {
	f := facts()
	f.Demo, f.NoDemo, f.PublishTLS = false, "There is no demo picture because of this.", ""
	f.Links = links.Set{
		Publish: links.Publish{WHIP: "http://localhost:8080/live/show", ARTC: "artc://localhost:8080/live/show"},
		Play:    links.Play{WHEP: "http://localhost:8080/whep/live/show"},
	}
	got := printed(f)
	for _, gone := range []string{"over RTMP", "rtmp:", "    HTTP-FLV", "    HLS", "ffmpeg", "work until", "Watch the demo"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q in:\n%s", gone, got)
		}
	}
	for _, want := range []string{
		"half-second", "anybody who reaches this machine may publish", "/whep/live/show", "no demo picture because of this",
		"start with --tls", "    http://localhost:8080/live/show\n", "    artc://localhost:8080/live/show\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	narrow(t, got)
}

func narrow(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestColour(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// The null device is a character device, as a terminal is.
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, c := range []struct {
		to            *os.File
		noColor, term string
		want          bool
	}{
		{device, "", "xterm", true},
		{device, "1", "xterm", false},
		{device, "", "dumb", false},
		{file, "", "xterm", false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := styleOf(c.to); got.colour != c.want {
			t.Errorf("%+v: colour %v", c, got.colour)
		}
	}
	if got := (style{colour: true}).bold("x"); got != "\x1b[1mx\x1b[0m" {
		t.Errorf("bold is %q", got)
	}
}
