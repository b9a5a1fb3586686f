package sdp

import (
	"strings"
	"testing"

	"github.com/pion/ice/v4"
)

const (
	restart = "a=ice-ufrag:abcd\na=ice-pwd:0123456789abcdefABCDEF\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag abcd network-id 1\na=end-of-candidates\n"
	// As a client writes it that repeats everything on the line.
	perLine = "m=video 9 RTP/AVP 0\r\na=mid:video0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefABCDEF\r\na=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n" +
		"m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=mid:audio1\r\na=ice-ufrag:efgh\r\na=ice-pwd:9876543210abcdefABCDEF\r\n"
)

func TestParseFragment(t *testing.T) {
	full := Fragment{"abcd", "0123456789abcdefABCDEF"}
	for name, tt := range map[string]struct {
		body string
		want Fragment
	}{
		"restart":           {restart, full},
		"CR LF":             {strings.ReplaceAll(restart, "\n", "\r\n"), full},
		"each line its own": {perLine, full},
		"candidate alone":   {"m=audio 9 RTP/AVP 0\na=mid:0\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\n", Fragment{}},
		"end alone":         {"a=end-of-candidates", Fragment{}},
	} {
		if got, err := ParseFragment(tt.body); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestParseFragmentRefuses(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"empty", "\r\n", "is empty"},
		{"only a line", "m=audio 9 RTP/AVP 0\n", "has no attribute"},
		{"JSON", `{"candidate":""}`, "is no line"},
		{"blank line inside", "a=mid:0\n\na=mid:0\n", "is no line"},
		{"offer", plain, "whole session description"},
		{"ufrag alone", "a=ice-ufrag:abcd\n", "come together"},
		{"pwd alone", "a=ice-pwd:0123456789abcdefABCDEF\n", "come together"},
		{"bad ufrag", "a=ice-ufrag:a\n", "4 to 256 ice-chars"},
		{"bad pwd", "a=ice-pwd:0123\n", "22 to 256 ice-chars"},
		{"ice-lite", restart + "a=ice-lite\n", "ice-lite"},
		{"mid", "a=mid:;\n", "mid is not a token"},
		{"too large", strings.Repeat("a=x\n", MaxBody/4+1), "more than 65536 bytes"},
		{"too many lines", strings.Repeat("m=audio 9 RTP/AVP 0\n", maxMedia+1), "more than 32 m-lines"},
		{"long line", "a=x:" + strings.Repeat("y", 4096), "more than 4096 bytes"},
		{"NUL", "a=x:\x00", "control character"},
	} {
		if got, err := ParseFragment(tt.body); err == nil || !strings.Contains(err.Error(), tt.want) || got != (Fragment{}) {
			t.Errorf("%s: %+v, %v, want an error with %q", tt.name, got, err, tt.want)
		}
	}
}

func TestRestarted(t *testing.T) {
	text := Restarted("video0", ours)
	if got, err := ParseFragment(text); err != nil || got != (Fragment{ours.Ufrag, ours.Pwd}) {
		t.Errorf("%+v, %v", got, err)
	}
	golden(t, "restarted", text)
	candidates := 0
	for line := range strings.SplitSeq(text, "\r\n") {
		if c, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			candidates++
			if _, err := ice.UnmarshalCandidate(c); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if candidates != len(ours.Candidates) || !strings.HasSuffix(text, "a=end-of-candidates\r\n") || strings.Contains(Restarted("", ours), "mid") {
		t.Error(text)
	}
}

// No body makes the parser fail in another way than by an error, and what it
// takes for credentials can be used as such.
func FuzzParseFragment(f *testing.F) {
	f.Add(restart)
	f.Add(perLine)
	f.Add(Restarted("0", ours))
	f.Add("a=end-of-candidates")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := ParseFragment(body)
		if err != nil {
			return
		}
		if (got.Ufrag == "") != (got.Pwd == "") || got.Ufrag != "" && (!iceChars(got.Ufrag, 4, 256) || !iceChars(got.Pwd, 22, 256)) {
			t.Fatalf("%+v", got)
		}
		if again, err := ParseFragment(Restarted("0", Transport{Ufrag: got.Ufrag, Pwd: got.Pwd})); got.Ufrag != "" && (err != nil || again != got) {
			t.Fatalf("%+v came back as %+v, %v", got, again, err)
		}
	})
}
