package rtc

import (
	"bytes"
	"testing"
)

// recordPair returns the two ends of one association.
func recordPair(t testing.TB) (a, b *records) {
	t.Helper()
	a, b = &records{next: 1}, &records{next: 1}
	for side, r := range []*records{a, b} {
		for i := range r.key {
			n := byte(i ^ side)
			copy(r.key[i][:], bytes.Repeat([]byte{1 + n}, 16))
			copy(r.iv[i][:], bytes.Repeat([]byte{3 + n}, 4))
		}
	}
	return a, b
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
	f.Add(append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 46, 2, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 34, 254, 253}, bytes.Repeat([]byte{7}, 32)...))
	f.Add([]byte{21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, theirs := recordPair(t)
		if theirs.closes(b) && !bytes.Contains(b, goodbye[13:]) {
			t.Fatalf("%x counts as a goodbye", b)
		}
		var p pipe
		if p.noteHello(b); p.random != nil && (len(p.random) != 32 || !bytes.Contains(b, p.random)) {
			t.Fatalf("%x has the random %x", b, p.random)
		}
		p.noteNumbers(b)
	})
}
