package kv

import (
	"strings"
	"testing"
)

// FuzzKey looks for keys that come back as others, or that NATS could not have.
func FuzzKey(f *testing.F) {
	for _, key := range []string{"domain/a.test", "block/push.test/live/a.b", "certificate/*.a=b >", "=2e", "=", "é/\x00"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		name := encodeKey(key)
		if back := decodeKey(name); back != key {
			t.Fatalf("%q became %q and then %q", key, name, back)
		}
		if strings.ContainsAny(name, " *>\r\n\t\x00") {
			t.Fatalf("%q became %q", key, name)
		}
		_ = decodeKey(key)
	})
}
