package sdp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"millrace/internal/media"
)

// plain is a small offer that everything fits, one m-line, LF line ends.
const plain = `v=0
o=- 42 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdefABCDEF
a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42e01f
`

func TestParseRefuses(t *testing.T) {
	line := func(old, with string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("%q is not in the offer", old)
		}
		return strings.Replace(plain, old, with, 1)
	}
	numbers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " %d", i%128)
		}
		return b.String()
	}
	tests := []struct{ name, body, want string }{
		{"empty", "", "0 m-lines"},
		{"not SDP", `{"jsep":{}}`, "syntax error"},
		{"no m-line", plain[:strings.Index(plain, "m=")], "0 m-lines"},
		{"too many m-lines", plain + strings.Repeat("m=audio 0 UDP/TLS/RTP/SAVPF 0\n", 32), "33 m-lines"},
		{"too large", plain + strings.Repeat("a=x\n", MaxBody/4), "more than 65536 bytes"},
		{"long line", plain + "a=x:" + strings.Repeat("y", 4096) + "\n", "more than 4096 bytes"},
		{"NUL", plain + "a=x:\x00\n", "control character 0x00"},
		{"bare CR", line("a=mid:0", "a=mid:0\ra=x"), "control character 0x0d"},
		{"no fingerprint", line("a=fingerprint:sha-256", "a=fingerprint:sha-512"), "no sha-256 fingerprint"},
		{"short fingerprint", line("00:01:", "01:"), "not 32 bytes"},
		{"odd fingerprint", line("00:01:", "0g:01:"), "not colon-separated hexadecimal"},
		{"shifted fingerprint", line("00:01:", "00:0:1"), "not colon-separated hexadecimal"},
		{"short ufrag", line("ufrag:abcd", "ufrag:abc"), "4 to 256 ice-chars"},
		{"bad ufrag", line("ufrag:abcd", "ufrag:ab cd"), "4 to 256 ice-chars"},
		{"no ufrag", line("a=ice-ufrag:abcd\n", ""), "no ice-ufrag and ice-pwd"},
		{"short pwd", line("pwd:0123", "pwd:"), "22 to 256 ice-chars"},
		{"long pwd", line("pwd:0123", "pwd:"+strings.Repeat("x", 256)), "22 to 256 ice-chars"},
		{"setup", line("actpass", "holdconn"), "none of actpass, active, passive"},
		{"ice-lite", line("a=group", "a=ice-lite\na=group"), "ice-lite"},
		{"mid", line("a=mid:0", "a=mid:a;b"), "mid is not a token"},
		{"long mid", line("a=mid:0", "a=mid:"+strings.Repeat("0", 33)), "mid is not a token"},
		{"two mids", plain + "m=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:0\n", "two m-lines"},
		{"no RTP over DTLS", line("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "no audio or video m-line"},
		{"only rejected", line("m=video 9", "m=video 0"), "no audio or video m-line"},
		{"payload type", line("SAVPF 96", "SAVPF 128"), "no RTP payload type"},
		{"payload type twice", line("SAVPF 96", "SAVPF 96 96"), "stands twice"},
		{"no format", line("SAVPF 96", "SAVPF"), "0 formats"},
		{"too many formats", line("SAVPF 96", "SAVPF"+numbers(257)), "257 formats"},
		{"no clock rate", line("H264/90000", "H264"), "no clock rate"},
		{"clock rate 0", line("H264/90000", "H264/0"), "no clock rate"},
		{"encoding name", line("H264/90000", "/90000"), "no encoding name"},
		{"channels", line("H264/90000", "H264/90000/x"), "no channel count"},
		{"extmap id", plain + "a=extmap:0 urn:x\n", "no id"},
		{"extmap URI", plain + "a=extmap:1\n", "no URI"},
		{"extmap direction", plain + "a=extmap:1/sideways urn:x\n", "no known direction"},
	}
	if _, err := ParseOffer(plain); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if o, err := ParseOffer(tt.body); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %+v, %v, want an error with %q", tt.name, o, err, tt.want)
		}
	}
}

// What some clients write differently, and means the same.
func TestParseTolerates(t *testing.T) {
	want := parse(t, plain)
	for name, body := range map[string]string{
		"CR LF":              strings.ReplaceAll(plain, "\n", "\r\n"),
		"no last line end":   strings.TrimSuffix(plain, "\n"),
		"blank lines behind": plain + "\r\n\r\n",
		"lower-case digest":  strings.ReplaceAll(plain, "1A:1B:1C", "1a:1b:1c"),
		"more fingerprints":  strings.Replace(plain, "a=setup", "a=fingerprint:sha-1 00:11\na=setup", 1),
		"unlisted formats":   plain + "a=rtpmap:97 H264\na=fmtp:x y\na=rtcp-fb:97 nack\n",
	} {
		if got, err := ParseOffer(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v\n%+v", name, err, got, want)
		}
	}
}

// Without BUNDLE one line can be served, and the others are rejected.
func TestWithoutBundle(t *testing.T) {
	body := strings.Replace(native("MP4A-ADTS/44100/2", "", ""), "a=group:BUNDLE 0 1\n", "", 1)
	o := parse(t, body)
	s, err := o.SelectPlay(plainH264, opus)
	if err != nil || s.Video != nil || s.Audio == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	got := o.Answer(s, ours)
	if strings.Contains(got, "BUNDLE") || !strings.Contains(got, "m=audio 9 ") || !strings.Contains(got, "m=video 0 ") {
		t.Error(got)
	}
}

// A line with port 0 is rejected unless it waits for its bundle, and a second
// line of a kind gets nothing.
func TestExtraLines(t *testing.T) {
	extra := "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:%s\na=recvonly\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n"
	body := strings.Replace(plain, "BUNDLE 0", "BUNDLE 0 1 2 3", 1) +
		fmt.Sprintf(extra, "1") + strings.Replace(fmt.Sprintf(extra, "2"), "video 9", "video 0", 1) +
		strings.Replace(fmt.Sprintf(extra, "3"), "video 9", "video 0", 1) + "a=bundle-only\n"
	o := parse(t, body)
	s, err := o.SelectPlay(plainH264, opus)
	if err != nil || s.Video.MLine != 0 || s.Audio != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	var bundled []bool
	for _, m := range o.Media {
		bundled = append(bundled, m.Bundled)
	}
	if want := []bool{true, true, false, true}; !reflect.DeepEqual(bundled, want) {
		t.Errorf("bundled %v, want %v", bundled, want)
	}
	got := o.Answer(s, ours)
	if strings.Count(got, "a=inactive") != 3 || strings.Count(got, "m=video 0 ") != 1 || !strings.Contains(got, "a=group:BUNDLE 0 1 3\r\n") {
		t.Error(got)
	}
}

func TestDirections(t *testing.T) {
	for dir, want := range map[Direction]bool{SendRecv: true, RecvOnly: true, SendOnly: false, Inactive: false} {
		o := parse(t, strings.Replace(plain, "a=recvonly", "a="+string(dir), 1))
		_, err := o.SelectPlay(plainH264, nil)
		if (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if o := parse(t, strings.Replace(plain, "a=recvonly\n", "", 1)); o.Media[0].Direction != SendRecv {
		t.Errorf("default is %s", o.Media[0].Direction)
	}
	session := strings.Replace(strings.Replace(plain, "a=recvonly\n", "", 1), "a=group", "a=inactive\na=group", 1)
	if o := parse(t, session); o.Media[0].Direction != Inactive {
		t.Errorf("session level says inactive, line is %s", o.Media[0].Direction)
	}
}

func TestPassiveOffer(t *testing.T) {
	o := parse(t, strings.Replace(plain, "actpass", "passive", 1))
	s, err := o.SelectPlay(plainH264, nil)
	if err != nil || o.AnswerSetup() != "active" || !strings.Contains(o.Answer(s, ours), "a=setup:active\r\n") {
		t.Errorf("%v, %s", err, o.AnswerSetup())
	}
}

func TestNothingInCommon(t *testing.T) {
	o := parse(t, plain)
	for _, tt := range []struct {
		video, audio *media.Track
		want         string
	}{
		{nil, nil, "none of the media"},
		{nil, opus, "no medium that the offer asks"},
		{&media.Track{Kind: media.Video, Codec: media.Opus}, nil, "cannot be sent over WebRTC"},
	} {
		if _, err := o.SelectPlay(tt.video, tt.audio); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if _, err := parse(t, fixture(t, "whep-ffox-M.sdp")).SelectPlay(nil, aacLC); err == nil || !strings.Contains(err.Error(), "takes no AAC") {
		t.Errorf("AAC to Firefox: %v", err)
	}
}

// Whatever parses can be answered, and the answer is well formed.
func FuzzParseOffer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(plain)
	f.Add(native("MP4A-ADTS/44100/2", "", "bframe-enabled=1;"))
	f.Add(native("MP4A-LATM/24000/2", "a=fmtp:97 cpresent=0\n", "BFrame-enabled=1;"))
	f.Add(ownPublisher("a=rtpmap:97 MP4A-LATM/48000/2\na=fmtp:97 config=400023203fc0;cpresent=0\n", sendsH264))
	f.Add(ownPublisher(sendsADTS, sendsH264+"a=ssrc-group:FID 5 6\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\na=rid:a send pt=96\na=rid:b send\na=simulcast:send a,b;~b\n"))
	f.Fuzz(func(t *testing.T, body string) {
		o, err := ParseOffer(body)
		if err != nil {
			return
		}
		for _, v := range []*media.Track{nil, plainH264, bframes, videoOf(media.VP8), videoOf(media.H265)} {
			for _, a := range []*media.Track{nil, opus, aacLC, aacHE} {
				if s, err := o.SelectPlay(v, a); err == nil {
					checkAnswer(t, o, s, ours)
				}
			}
		}
		for _, in := range []Ingest{{}, {Carried: true}} {
			if r, err := o.SelectPublish(in); err == nil {
				checkReception(t, o, r, ours)
			} else if m := (*Mismatch)(nil); !errors.As(err, &m) || m.Reason == "" || len(m.Detail) > 1000 {
				t.Errorf("%v", err)
			}
		}
	})
}
