package catalog_test

import (
	"strings"
	"testing"

	"millrace/internal/catalog"
)

func TestHideCredentials(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/a":                    "http://h/a",
		"http://h":                      "http://h",
		"https://u:p@h:8/a":             "https://*@h:8/a",
		"https://u@x@h/a@b":             "https://*@h/a@b",
		"http://h/a?token=t&b=&c&d=e=f": "http://h/a?token=*&*&*&d=*",
		"http://h/cb?QUJDRA=":           "http://h/cb?*",
		"http://h/cb?QUJDRA==&a=b":      "http://h/cb?*&a=*",
		"http://h/cb?=t&&=":             "http://h/cb?=*&&=",
		"http://h?t":                    "http://h?*",
		"http://u@h?a=b#c=d":            "http://*@h?a=*",
		"http://h/a#frag":               "http://h/a#*",
		"u:p@h/a":                       "*",
		"":                              "*",
	} {
		if got := catalog.HideCredentials(raw, func(string) string { return "*" }); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func FuzzHideCredentials(f *testing.F) {
	f.Add("u:", "@h/a", "x", "&c")
	f.Add("", "@h", "a=", "#d?e=f")
	f.Fuzz(func(t *testing.T, before, host, name, after string) {
		if strings.ContainsAny(before, "/?#") || strings.ContainsAny(name, "?#") {
			return // the secrets were not where secrets are
		}
		for _, raw := range []string{"http://" + before + "PASS" + "@" + host, "http://h/?" + name + "=TOKEN" + after} {
			if got := catalog.HideCredentials(raw, func(string) string { return "*" }); strings.Contains(got, "PASS") && !strings.Contains(host, "PASS") || strings.Contains(got, "TOKEN") && !strings.Contains(name+after, "TOKEN") {
				t.Fatalf("%q became %q", raw, got)
			}
		}
	})
}
