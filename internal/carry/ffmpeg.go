package carry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

const (
	// complaints is how much of what ffmpeg says is kept, in bytes.
	complaints = 4 << 10
	// killDelay is how long ffmpeg may take to end once its pipe is closed.
	killDelay = 2 * time.Second
)

// process is a source that an ffmpeg feeds with MPEG-TS: it takes the file
// apart and converts nothing. FLV would do for H264 and AAC, but it rounds
// times to milliseconds and many versions of ffmpeg put no Opus into it.
type process struct {
	source
	cmd    *exec.Cmd
	cancel context.CancelFunc
	said   *tail
	shut   func() error
}

// convert starts ffmpeg on what b reads, or on the file itself, in which it can
// seek.
func (in *Input) convert(ctx context.Context, b *bufio.Reader, shut func() error) (source, error) {
	if in.FFmpeg == "" {
		return nil, errors.New("the input is neither FLV nor MPEG-TS, and there is no ffmpeg to read anything else with")
	}
	name := "pipe:0"
	if in.isFile() {
		name = "file:" + in.Path
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &process{cancel: cancel, said: &tail{}, shut: shut}
	p.cmd = exec.CommandContext(ctx, in.FFmpeg, "-v", "error", "-nostdin", "-i", name,
		"-map", "0:v:0?", "-map", "0:a:0?", "-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1")
	p.cmd.Stderr, p.cmd.WaitDelay = p.said, killDelay
	if !in.isFile() {
		p.cmd.Stdin = b
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start ffmpeg: %w", err)
	}
	if p.source, err = openTS(bufio.NewReaderSize(out, sniffed), func() error { return nil }); err == nil {
		// ffmpeg was asked for sound and pictures alone, and has no name for one of them.
		if s, is := p.source.(*tsSource); is && s.reader.Unknown() {
			err = errForeign
		}
	}
	if err != nil {
		cancel()
		_ = p.cmd.Wait()
		if text := p.said.String(); text != "" && !strings.Contains(err.Error(), "millrace publish") {
			return nil, fmt.Errorf("ffmpeg cannot read the input: %s", text)
		}
		return nil, err
	}
	return p, nil
}

// close ends ffmpeg and waits for it.
func (p *process) close() error {
	p.cancel()
	_ = p.cmd.Wait() // it was ended, which is no success
	return p.shut()
}

// tail keeps the last that was written.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - complaints; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string { return string(bytes.TrimSpace(t.b)) }

var _ io.Writer = (*tail)(nil)
