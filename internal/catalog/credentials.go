package catalog

import "strings"

// HideCredentials returns a URL with hide's words in place of what may open a door
// at its other end: the user with the password, and the values of its query. What
// is no URL is hidden as a whole.
func HideCredentials(raw string, hide func(secret string) string) string {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return hide(raw)
	}
	end := len(rest)
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		end = at
	}
	authority, rest := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = hide(authority[:at]) + authority[at:]
	}
	at := strings.IndexAny(rest, "?#")
	if at < 0 {
		return scheme + "://" + authority + rest
	}
	path, query := rest[:at+1], rest[at+1:]
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		switch {
		case name == "" && value == "":
		case strings.Trim(value, "=") != "":
			pairs[i] = name + "=" + hide(value)
		default: // a token alone, perhaps padded as base64 is
			pairs[i] = hide(p)
		}
	}
	return scheme + "://" + authority + path + strings.Join(pairs, "&")
}
