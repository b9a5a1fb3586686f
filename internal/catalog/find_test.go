package catalog

import "testing"

func snapshot(t testing.TB, domains ...Domain) *Snapshot {
	t.Helper()
	s, err := NewSnapshot(domains...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFind(t *testing.T) {
	s := snapshot(t,
		Domain{Name: "push.localhost", Role: Ingest, Default: true},
		Domain{Name: "play.localhost", Role: Streaming, Default: true},
		Domain{Name: "play.example.com", Role: Streaming},
		Domain{Name: "", Role: Streaming},
	)
	for _, c := range []struct {
		host string
		role Role
		want string // "-": none
	}{
		{"play.example.com", Streaming, "play.example.com"},
		{"PLAY.example.COM:8080", Streaming, "play.example.com"},
		{"play.example.com", Ingest, "-"},
		{"other.example.com", Streaming, "-"},
		{"localhost", Streaming, "play.localhost"},
		{"LOCALHOST:1", Ingest, "push.localhost"},
		{"127.0.0.1:8080", Streaming, "play.localhost"},
		{"[::1]:8080", Streaming, "play.localhost"},
		{"[2001:db8::1]", Ingest, "push.localhost"},
		{"", Streaming, "-"},
		{":8080", Streaming, "-"},
	} {
		got := "-"
		if d := s.Find(c.host, c.role); d != nil {
			got = d.Name
		}
		if got != c.want {
			t.Errorf("Find(%q, %s) = %q, want %q", c.host, c.role, got, c.want)
		}
	}
}
