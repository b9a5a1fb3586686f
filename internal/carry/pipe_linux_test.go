package carry

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"millrace/client"
)

// What comes out of a pipe is passed on as it comes, whether or not the pipe has
// a name: reading ahead would make it late.
func TestNamedPipeIsNotReadAhead(t *testing.T) {
	whole, err := os.ReadFile(encode(t, "live.flv", native...))
	must(t, err)
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	written := make(chan *os.File, 1)
	go func() {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.Write(whole[:len(whole)/4])
		}
		if err != nil {
			t.Error(err)
		}
		written <- w
	}()
	in := Input{Path: path, FFmpeg: ffmpeg(t)}
	src, err := in.open(t.Context())
	must(t, err)
	first := make(chan client.AccessUnit, 1)
	go func() {
		u, _ := src.next()
		first <- u
	}()
	select {
	case u := <-first:
		if u.Kind != client.Video && u.Kind != client.Audio || len(u.Data) == 0 {
			t.Errorf("the first unit is %+v", u)
		}
	case <-time.After(20 * time.Second):
		t.Error("the first unit waits for more than a pipe holds")
	}
	must(t, (<-written).Close())
	must(t, src.close())
}
