package catalog_test

import (
	"net/url"
	"strings"
	"testing"

	"millrace/internal/catalog"
)

// What tokens are read out of, whichever protocol brings them.
func TestArgument(t *testing.T) {
	for query, want := range map[string]string{
		"":                                       "",
		"auth_key":                               "",
		"auth_key=k":                             "k",
		"x=1&auth_key=k&y=2":                     "k",
		"auth_key=first&auth_key=second":         "first",
		"auth_key=&auth_key=second":              "", // the first counts, though it is empty
		"auth_key=1%2D0%2d0-a":                   "1-0-0-a",
		"auth_key=1-a+b%2Bc-0-a":                 "1-a+b+c-0-a",
		"auth_key=1%zz":                          "1%zz",
		"auth_key=%":                             "%",
		"auth_key=a=b":                           "a=b",
		"x=1?auth_key=k":                         "k",
		"auth_key=k?x=1":                         "k",
		"Auth_key=k":                             "",
		"auth%5Fkey=k":                           "",
		"my_auth_key=k":                          "",
		"a;b&auth_key=k":                         "k",
		"auth_key=a;b":                           "a;b",
		"&&?&auth_key=k&":                        "k",
		"auth_key=\x00\xff":                      "\x00\xff",
		"x=%zz&auth_key=k":                       "k",
		"auth_key =k":                            "",
		strings.Repeat("&", 2000) + "auth_key=k": "k",
	} {
		if got := catalog.Argument(query, "auth_key"); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

func FuzzArgument(f *testing.F) {
	for _, q := range []string{"auth_key=k", "x=1&auth_key=1%2D0-0-a&auth_key=2", "a?auth_key=%zz", "auth_key&auth_key=1"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := catalog.Argument(query, "auth_key")
		if len(got) > len(query) {
			t.Fatalf("%q gives %q", query, got)
		}
		// The standard library, where the two do not differ on purpose.
		if want, err := url.ParseQuery(query); err == nil && !strings.ContainsAny(query, "?+%") && got != want.Get("auth_key") {
			t.Fatalf("%q gives %q, want %q", query, got, want.Get("auth_key"))
		}
	})
}

func TestTracks(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "a=b": "", "track=video1": "video1", "track=video1,audio1": "video1,audio1", "track=video1%2Caudio1": "video1,audio1",
		"track=video1&x=1&track=audio1": "video1,audio1", "track=video1?track=audio1": "video1,audio1", "tracks=apart": "",
	} {
		if got := catalog.Tracks(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}
