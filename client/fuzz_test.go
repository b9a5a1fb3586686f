package client

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	pion "github.com/pion/rtp"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"time"
)

// Nothing that a server answers with breaks more than the attempt.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"code":200,"jsep":{"type":"answer","sdp":"v=0\r\n"}}`, 403)
	f.Add(`{"code":"not_found","detail":"nobody","trace_id":"x"}`, 404)
	f.Add(`{"code":409,"message":"\u0000taken\u2028","reason":"taken"}`, 409)
	f.Add("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=fmtp:96 cpresent=0;config=400024203fc0\r\na=extmap:3 x\r\na=ssrc:7 cname:a\r\n", 201)
	f.Add("<html>\xff</html>", 502)
	f.Fuzz(func(t *testing.T, body string, status int) {
		e := refusal(status, []byte(body))
		for _, s := range []string{e.Reason, e.Detail, e.Trace} {
			if !utf8.ValidString(s) || len(s) > maxText+len("…") || strings.ContainsAny(s, "\r\n\x00\x1b") {
				t.Fatalf("%q is shown", s)
			}
		}
		if text, err := artcAnswer([]byte(body)); (text == "") != (err != nil) {
			t.Fatalf("answer %q, error %v", text, err)
		}
		a, err := readAnswer(body)
		if err != nil {
			return
		}
		for _, m := range a.media {
			for _, fmtp := range m.fmtp {
				if track, err := latmTrack(fmtp); err == nil && (track.SampleRate <= 0 || len(track.Config) == 0) {
					t.Fatalf("%q gives %+v", fmtp, track)
				}
			}
			for _, id := range m.extensions {
				if id < 1 || id > 14 {
					t.Fatalf("extension %d", id)
				}
			}
		}
	})
}

// A Location leads over HTTP only, and not out of HTTPS.
func FuzzLocation(f *testing.F) {
	f.Add("https://h/whep/live/s", "/whep/live/s/id")
	f.Add("http://h:80/live/s?auth_key=1", "id?x")
	f.Add("https://h/a/b", "http://h/a/b/c")
	f.Add("https://h/a/b", "file:///etc/passwd")
	f.Add("https://h/a/b", "//other/x")
	f.Add("http://h/a/b", "https://u:p@h/")
	f.Fuzz(func(t *testing.T, base, location string) {
		a, err := parseAddress(base, false)
		if err != nil {
			return
		}
		u := resource(a.endpoint, location)
		if u == nil {
			return
		}
		if u.Scheme != "https" && (u.Scheme != "http" || a.endpoint.Scheme == "https") || u.User != nil || u.Hostname() == "" {
			t.Fatalf("%q from %q leads to %v", location, base, u)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("artc://h:443/live/s?auth_key=1-0-0-a", false)
	f.Add("http://[::1]:8080/whep/live/s#x", true)
	f.Add("artc://h/%2f", false)
	f.Fuzz(func(t *testing.T, raw string, https bool) {
		a, err := parseAddress(raw, https)
		if err != nil {
			if strings.Contains(raw, "auth_key=") && strings.Contains(err.Error(), "auth_key") {
				t.Fatalf("%v tells the key", err)
			}
			return
		}
		again, err := url.Parse(a.endpoint.String())
		if err != nil || again.Scheme != "http" && again.Scheme != "https" {
			t.Fatalf("%q is asked at %v", raw, a.endpoint)
		}
		_ = a.local()
	})
}

// Splitting a byte stream and joining it again keeps its NAL units.
func FuzzAnnexB(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x65, 0x88, 0, 0, 3, 0, 0, 0})
	f.Add([]byte{0, 0, 1})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		nals := splitAnnexB(b)
		var data []byte
		for _, n := range nals {
			data = h264.AppendNAL(data, n)
		}
		again := splitAnnexB(joinAnnexB(nil, data))
		if len(again) != len(nals) {
			t.Fatalf("%d units, then %d", len(nals), len(again))
		}
		for i := range nals {
			if string(nals[i]) != string(again[i]) {
				t.Fatalf("unit %d was %x, is %x", i, nals[i], again[i])
			}
		}
		u := AccessUnit{Kind: Video, Data: b}
		if fr, err := u.frame(&media.Track{Kind: media.Video, Codec: media.H264}); err == nil && len(fr.Data) == 0 {
			t.Fatal("an empty frame")
		}
	})
}

// Whatever packets come, a lane neither fails nor hoards.
func FuzzLane(f *testing.F) {
	f.Add([]byte{0, 1, 0x65, 0x88, 1, 0, 2, 0x41, 3}, false)
	f.Add([]byte{0, 1, 0x80, 0xff, 1, 0xff, 0xff, 3, 9}, true)
	f.Fuzz(func(t *testing.T, b []byte, latm bool) {
		l := newLane(media.Audio)
		form := playFormat{kind: media.Audio, codec: media.AAC, rate: 44100, latm: latm}
		if latm {
			l.latm = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
		}
		now := time.Unix(1e9, 0)
		for len(b) >= 4 {
			n := min(int(b[2]), len(b)-3)
			h := pion.Header{Version: 2, Timestamp: uint32(b[1]) << 20, Marker: b[0]&1 != 0, SSRC: 5}
			l.put(&h, b[3:3+n], uint16(b[0])<<8|uint16(b[1]), form, now)
			frames, _ := l.take(now, time.Second)
			for _, fr := range frames {
				if len(fr.Data) == 0 {
					t.Fatal("an empty frame")
				}
			}
			_, _ = l.repair.ask(now, 0, time.Second)
			if len(l.repair.held)+len(l.repair.missing) > 2*maxSpan || len(l.fragments) > maxElement+1<<16 {
				t.Fatalf("%d held, %d missing, %d of an element", len(l.repair.held), len(l.repair.missing), len(l.fragments))
			}
			b, now = b[3+n:], now.Add(time.Duration(b[2])*time.Millisecond)
		}
	})
}
