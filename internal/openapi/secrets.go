package openapi

import (
	"slices"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/sign"
)

// Access keys that may only read see no keys and no tokens: with those they could
// do what they may not.

// hidden stands where a secret is.
const hidden = "******"

// mayKnow says whether who asks may see secrets.
func mayKnow(by caller) bool { return by.Scope != catalog.ReadOnly }

// holdsMask says whether a URL holds what is shown in place of secrets. Many a
// library escapes the asterisks.
func holdsMask(raw string) bool {
	return strings.Contains(strings.NewReplacer("%2A", "*", "%2a", "*").Replace(raw), hidden)
}

// secret shows a secret, or that there is one.
func secret(by caller, value string) string {
	if value == "" || mayKnow(by) {
		return value
	}
	return hidden
}

// secretArgs are the arguments of functions that are secret.
var secretArgs = []string{"auth_key1", "auth_key2", "l2_private_key"}

// argument shows an argument of a function.
func argument(by caller, name, value string) string {
	if slices.Contains(secretArgs, name) {
		return secret(by, value)
	}
	return value
}

// withoutCredentials shows where callbacks go.
func withoutCredentials(by caller, url string) string {
	if url == "" || mayKnow(by) {
		return url
	}
	return catalog.HideCredentials(url, func(string) string { return hidden })
}

// withoutTokens shows a query, or a text that has one inside, escaped or not.
func withoutTokens(by caller, s string) string {
	if mayKnow(by) {
		return s
	}
	s = hide(s, sign.Param+"=", "&")
	return hide(s, sign.Param+"%3D", "%26")
}

// hide hides what stands in s between mark and the next end, or a "&".
func hide(s, mark, end string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, mark)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(mark + hidden)
		s = after[min(index(after, end), index(after, "&")):]
	}
}

// index is where part begins in s, the end of s where it is not there.
func index(s, part string) int {
	if at := strings.Index(s, part); at >= 0 {
		return at
	}
	return len(s)
}
