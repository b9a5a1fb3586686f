package rtc

import (
	"bytes"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
)

// recordPair returns the two ends of one association.
func recordPair(t testing.TB) (a, b *records) {
	t.Helper()
	key := func(x byte) []byte { return bytes.Repeat([]byte{x}, 16) }
	iv := func(x byte) []byte { return bytes.Repeat([]byte{x}, 4) }
	ours, err := ciphersuite.NewGCM(key(1), iv(2), key(3), iv(4))
	must(t, err)
	theirs, err := ciphersuite.NewGCM(key(3), iv(4), key(1), iv(2))
	must(t, err)
	return &records{cipher: ours, next: 1}, &records{cipher: theirs, next: 1}
}

func fuzzRecords(t testing.TB) *records {
	a, _ := recordPair(t)
	return a
}

// A goodbye counts when it is authentic, wherever it stands in its datagram.
func TestCloseNotify(t *testing.T) {
	a, b := recordPair(t)
	goodbye, err := a.closeNotify()
	must(t, err)
	again, err := a.closeNotify()
	must(t, err)
	if bytes.Equal(goodbye[11:], again[11:]) {
		t.Fatal("two records under one number")
	}
	for range 2 { // it may come twice
		if !b.closes(goodbye) {
			t.Fatal("the goodbye is not understood")
		}
	}
	other := []byte{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1, 2}
	if !b.closes(append(bytes.Clone(other), again...)) || b.closes(other) {
		t.Fatal("a goodbye behind another record")
	}
	if a.closes(goodbye) {
		t.Fatal("our own goodbye, sent back, counts")
	}
	for i := range goodbye {
		if i == 1 || i == 2 || i >= 5 && i < 11 {
			continue // the version and the number on the outside; the tests below cover them
		}
		bad := bytes.Clone(goodbye)
		bad[i] ^= 1
		if b.closes(bad) {
			t.Fatalf("a change of byte %d went unnoticed", i)
		}
	}
	for n := range goodbye {
		if b.closes(goodbye[:n]) {
			t.Fatalf("the first %d bytes count", n)
		}
	}
	plain := []byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0}
	if b.closes(plain) {
		t.Fatal("an alert in the clear counts")
	}
	plain[4] = 1
	if b.closes(plain) {
		t.Fatal("an alert that is too short counts")
	}
}

func FuzzRecords(f *testing.F) {
	a, _ := recordPair(f)
	goodbye, err := a.closeNotify()
	must(f, err)
	f.Add(goodbye)
	f.Add(append(bytes.Clone(goodbye), goodbye...))
	f.Add([]byte{21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, theirs := recordPair(t)
		if theirs.closes(b) && !bytes.Contains(b, goodbye[13:]) {
			t.Fatalf("%x counts as a goodbye", b)
		}
	})
}
