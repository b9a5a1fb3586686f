package catalog

import (
	"iter"
	"net/url"
	"slices"
	"strings"
)

// Argument returns an argument of a query, of whichever protocol: the first one of
// its name, which is compared as written, though it be empty. "&" parts arguments
// and so does "?", since some clients append a query of their own to the one that
// is there. The value comes percent-decoded or, where that cannot be, as written; a
// "+" stays one, which a token may hold.
func Argument(query, name string) string {
	for value := range arguments(query, name) {
		return value
	}
	return ""
}

// HasArgument says whether there is such an argument, though it be empty.
func HasArgument(query, name string) bool {
	for range arguments(query, name) {
		return true
	}
	return false
}

// Tracks returns the arguments track of a query, of which there may be several, as
// if they were one.
func Tracks(query string) string {
	return strings.Join(slices.Collect(arguments(query, "track")), ",")
}

// arguments are those of a name.
func arguments(query, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for query != "" {
			pair := query
			if end := strings.IndexAny(query, "&?"); end >= 0 {
				pair, query = query[:end], query[end+1:]
			} else {
				query = ""
			}
			key, value, _ := strings.Cut(pair, "=")
			if key != name {
				continue
			}
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			if !yield(value) {
				return
			}
		}
	}
}
