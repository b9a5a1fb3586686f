package sign_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"millrace/internal/sign"
)

// vectors are tokens computed by other implementations; the first is published
// with the format's description.
var vectors = []struct {
	key, path string
	ts        int64
	rand      string
	token     string
}{
	{"aliyuncdnexp1234", "/video/standard/1K.html", 1444435200, "", "1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f"},
	{"testkey0123", "/app/stream", 1740562218, "", "1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"},
	{"testkey0123", "/app/stream.flv", 1740562218, "0", "1740562218-0-0-6d8af09ec5ef6914659651a008276cab"},
	{"testkey0123", "/app/stream.m3u8", 1740562218, "0", "1740562218-0-0-317069ef952e6cd731f26ff296bcca55"},
	{"testkey0123", "/app/stream_lsd", 1740562218, "0", "1740562218-0-0-d9b05af86e75fc81caacaab5519d94c5"},
	{"testkey0123", "/app/stream_lsd.flv", 1740562218, "0", "1740562218-0-0-3d9c11ad8b2ebe4d65aebafb7aed8b48"},
	{
		"testkey0123", "/app/stream", 1740562218, "477b3bbc253f467b8def6711128c7bec",
		"1740562218-477b3bbc253f467b8def6711128c7bec-0-9f2a064d827062e09a3b92adceb79bed",
	},
	{"testkey0123", "/openapi/timeline/query", 1606204918, "", "1606204918-0-0-aa98c80f7a96f0d3cab084deaa83a25d"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		ts := time.Unix(v.ts, 0)
		if got := sign.Sign(v.path, v.key, ts, v.rand, ""); got != v.token {
			t.Errorf("Sign(%s, %s) = %s, want %s", v.path, v.key, got, v.token)
		}
		if err := sign.Verify(v.path, v.token, []string{v.key}, time.Minute, ts); err != nil {
			t.Errorf("Verify(%s, %s) = %v", v.path, v.token, err)
		}
	}
}

func TestVerify(t *testing.T) {
	const (
		key   = "testkey0123"
		path  = "/app/stream"
		token = "1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"
	)
	made := time.Unix(1740562218, 0)
	day := 24 * time.Hour
	forged := strings.Repeat("0", 32)

	for _, c := range []struct {
		name, path, token string
		keys              []string
		now               time.Time
		want              string
	}{
		{"good", path, token, []string{key}, made, ""},
		{"secondary key", path, token, []string{"other", key}, made, ""},
		{"timestamp in the future", path, token, []string{key}, made.Add(-365 * day), ""},
		{"last moment", path, token, []string{key}, made.Add(day - 1), ""},
		{"expired", path, token, []string{key}, made.Add(day), "denied by req auth: expired timestamp=1740562218"},
		{"none", path, "", []string{key}, made, "denied by req auth: no url arg auth_key"},
		{"other path", "/app/other", token, []string{key}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"other extension", path + ".flv", token, []string{key}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"other key", path, token, []string{"testkey0124"}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"no key", path, token, nil, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"hash before time", path, "1740562218-0-0-" + forged, []string{key}, made.Add(2 * day), "denied by req auth: invalid md5hash=" + forged},
		{"upper case hash", path, "1740562218-0-0-7006CB10290ACC11DAA7F717B7A4F875", []string{key}, made, "denied by req auth: invalid md5hash=7006CB10290ACC11DAA7F717B7A4F875"},
		{"other timestamp", path, "1740562219-0-0-7006cb10290acc11daa7f717b7a4f875", []string{key}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"three parts", path, "1740562218-0-7006cb10290acc11daa7f717b7a4f875", []string{key}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"five parts", path, "1740562218-0-0-0-7006cb10290acc11daa7f717b7a4f875", []string{key}, made, "denied by req auth: invalid md5hash=7006cb10290acc11daa7f717b7a4f875"},
		{"line break in hash", path, "1740562218-0-0-x\r\nCookie:1", []string{key}, made, "denied by req auth: invalid md5hash=x??Cookie:1"},
		{"long hash", path, "1-0-0-" + strings.Repeat("a", 1000), []string{key}, made, "denied by req auth: invalid md5hash=" + strings.Repeat("a", 64)},
		{"encoded path, token for raw", "/app/str%65am", sign.Sign("/app/str%65am", key, made, "", ""), []string{key}, made, ""},
		{"encoded path, token for decoded", "/app/str%65am", token, []string{key}, made, ""},
		{"broken encoding", "/app/stream%", sign.Sign("/app/stream%", key, made, "", ""), []string{key}, made, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sign.Verify(c.path, c.token, c.keys, day, c.now)
			if got := text(err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil && !errors.As(err, new(*sign.Error)) {
				t.Errorf("error is a %T", err)
			}
		})
	}
}

// An empty secondary key means "none"; it must not open the door to tokens that
// were made with the empty key.
func TestEmptyKeyMatchesNothing(t *testing.T) {
	now := time.Unix(1740562218, 0)
	token := sign.Sign("/app/stream", "", now, "", "")
	var e *sign.Error
	if err := sign.Verify("/app/stream", token, []string{"", ""}, time.Hour, now); !errors.As(err, &e) || e.Fault != sign.BadHash {
		t.Fatalf("got %v", err)
	}
}

// A token with the right hash over a timestamp of another form is refused for
// its time: whoever made it has the key, but nobody can say when it expires.
func TestTimestampForm(t *testing.T) {
	now := time.Unix(1740562218, 0)
	for _, stamp := range []string{"174056221", "17405622180", "+174056221", "0x4056221a", "174056221 "} {
		token := sign.SignedWith(stamp, "/a/b", "k")
		var e *sign.Error
		if err := sign.Verify("/a/b", token, []string{"k"}, time.Hour, now); !errors.As(err, &e) || e.Fault != sign.Expired {
			t.Errorf("timestamp %q: got %v", stamp, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for in, want := range map[string]string{
		"rtmp://h/a/b":     "rtmp://h/a/b?auth_key=T",
		"rtmp://h/a/b?":    "rtmp://h/a/b?auth_key=T",
		"rtmp://h/a/b?x=1": "rtmp://h/a/b?x=1&auth_key=T",
	} {
		if got := sign.Append(in, "T"); got != want {
			t.Errorf("Append(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.path, v.token)
	}
	f.Add("/app/str%65am", "----")
	f.Add("/app/%zz", "1-2-3-4")
	f.Add("", "\r\n-\x00-\xff-")
	now := time.Unix(1740562218, 0)
	f.Fuzz(func(t *testing.T, path, token string) {
		// Whoever lacks the key gets nothing, and no text that could break a header.
		err := sign.Verify(path, token, []string{"a key that no seed was made with"}, time.Hour, now)
		if err == nil {
			t.Fatalf("accepted %q for %q", token, path)
		}
		if s := err.Error(); strings.ContainsAny(s, "\r\n\x00") || len(s) > 128 {
			t.Fatalf("error text %q", s)
		}
		// Whatever was signed is accepted, at any path.
		good := sign.Sign(path, "k", now, "", "")
		if err := sign.Verify(path, good, []string{"k"}, time.Hour, now); err != nil {
			t.Fatalf("own token for %q: %v", path, err)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
