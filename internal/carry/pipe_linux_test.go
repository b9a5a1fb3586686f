package carry

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"millrace/client"
)

// What comes out of a pipe is passed on as it comes, whether or not the pipe has
// a name: reading ahead, as in a file, would make it late.
func TestNamedPipeIsNotReadAhead(t *testing.T) {
	file := encode(t, "live.flv", native...)
	whole, err := os.ReadFile(file)
	must(t, err)
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, whole, 0) }()
	for _, c := range []struct {
		path  string
		ahead bool
	}{{path, false}, {file, true}} {
		in := Input{Path: c.path, FFmpeg: ffmpeg(t)}
		src, err := in.open(t.Context())
		must(t, err)
		if _, ahead := src.(*ordered); ahead != c.ahead {
			t.Errorf("%s is read ahead: %v, want %v", filepath.Base(c.path), ahead, c.ahead)
		}
		if units := read(t, src); len(units[client.Video]) != 50 {
			t.Errorf("%s has %d pictures, want 50", filepath.Base(c.path), len(units[client.Video]))
		}
		must(t, src.close())
	}
	must(t, <-written)
}
