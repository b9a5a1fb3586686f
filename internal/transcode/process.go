package transcode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// FindFFmpeg returns the path of the ffmpeg on PATH; "" when there is none.
func FindFFmpeg() string {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return ""
	}
	return path
}

const (
	processChannels = 2
	// processQueue bounds the frames on their way into a process, about 10 s:
	// what a stream keeps of its past comes at once at the start.
	processQueue = 512
	// processWrite is how long a process may take in nothing.
	processWrite = 10 * time.Second
	// maxInside is how many frames a process may have taken in and given nothing for.
	maxInside = 2 * processQueue
	// maxStarts is how often in a row a process may end within processFair.
	maxStarts    = 4
	processFair  = 10 * time.Second
	restartPause = 500 * time.Millisecond
	// stderrKept bounds what is kept of a process's complaints, in bytes.
	stderrKept = 1 << 10
	// maxFLVTime is where the timestamps of FLV end, in ms.
	maxFLVTime = 1<<31 - 1
)

// errSilent says that a process takes frames and gives no sound.
var errSilent = errors.New("process gives no sound")

// process decodes any AAC by an ffmpeg that runs beside. Frames go into a
// queue; sound comes out at 48 kHz stereo, half a millisecond after the frame
// it belongs to went in.
type process struct {
	path   string // of ffmpeg
	track  *media.Track
	parsed aac.Config
	hear   func(sound)   // called by run, one at a time
	pause  time.Duration // before a restart
	queue  chan *media.Frame
}

func newProcess(path string, config []byte, hear func(sound)) (*process, error) {
	parsed, err := aac.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	return &process{
		path: path, track: &media.Track{Kind: media.Audio, Codec: media.AAC, Config: config}, parsed: parsed, hear: hear, pause: restartPause,
		queue: make(chan *media.Frame, processQueue),
	}, nil
}

// push queues a frame, without waiting. It returns false when the queue is full.
func (p *process) push(f *media.Frame) bool {
	select {
	case p.queue <- f:
		return true
	default:
		return false
	}
}

// run decodes until ctx ends, which is not an error, or until the process
// keeps failing. No process is left when it returns.
func (p *process) run(ctx context.Context) error {
	for starts := 1; ; starts++ {
		since := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(since) > processFair {
			starts = 1
		}
		if starts == maxStarts {
			return fmt.Errorf("decode AAC by process: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.pause):
		}
	}
}

// arguments are those of ffmpeg. The input flags keep it from probing and from
// holding frames back. aresample makes sound of 48 kHz that lasts exactly as
// long as the stamps of the input say, with silence for what cannot be decoded.
func (p *process) arguments() []string {
	return []string{
		"-hide_banner", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "pipe",
		"-flags", "low_delay", "-probesize", "32", "-analyzeduration", "0", "-threads", "1",
		"-f", "flv", "-i", "pipe:0", "-map", "0:a:0",
		"-af", "aresample=48000:async=1:min_hard_comp=0.015:first_pts=0", "-ac", "2",
		"-c:a", "pcm_s16le", "-f", "s16le", "-flush_packets", "1", "pipe:1",
	}
}

// once runs one process to its end.
func (p *process) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, p.path, p.arguments()...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}
	cmd.WaitDelay = time.Second
	complaints := &tail{}
	cmd.Stderr = complaints
	stdin, feed, err := os.Pipe()
	if err != nil {
		return err
	}
	defer feed.Close()
	sounds, stdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return err
	}
	defer sounds.Close()
	cmd.Stdin, cmd.Stdout = stdin, stdout
	err = cmd.Start()
	stdin.Close()
	stdout.Close()
	if err != nil {
		return err
	}
	entries := newLedger(p.parsed.Samples, p.parsed.OutputRate)
	var both sync.WaitGroup
	both.Go(func() { cancel(p.write(ctx, feed, entries)) })
	both.Go(func() { cancel(p.read(sounds, entries)) })
	err = cmd.Wait()
	cancel(err)
	both.Wait()
	return fmt.Errorf("%w: %s", context.Cause(ctx), complaints)
}

// write feeds the process until ctx ends.
func (p *process) write(ctx context.Context, feed *os.File, entries *ledger) error {
	buf, err := appendPipeHeader(nil, p.track)
	if err != nil {
		return err
	}
	for {
		if err := feed.SetWriteDeadline(time.Now().Add(processWrite)); err != nil {
			return err
		}
		if _, err := feed.Write(buf); err != nil {
			return fmt.Errorf("write to process: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-p.queue:
			number, inside := entries.enter(f)
			if inside > maxInside {
				return errSilent
			}
			at := number * int64(p.parsed.Samples) * 1000 / int64(p.parsed.OutputRate)
			if at > maxFLVTime {
				return errors.New("end of FLV time")
			}
			if buf, err = appendPipeTag(buf[:0], p.track, at, f.Data); err != nil {
				return err
			}
		}
	}
}

// read takes the sound from the process until that closes its output.
func (p *process) read(sounds io.Reader, entries *ledger) error {
	raw := make([]byte, 1<<14)
	pcm := make([]float32, len(raw)/2)
	have := 0
	for {
		n, err := sounds.Read(raw[have:])
		have += n
		whole := have / (2 * processChannels) * processChannels
		for i := range whole {
			pcm[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / (1 << 15)
		}
		have = copy(raw, raw[2*whole:have])
		for rest := pcm[:whole]; len(rest) > 0; {
			var s sound
			s, rest = entries.take(rest, processChannels)
			p.hear(s)
		}
		if err != nil {
			return fmt.Errorf("read from process: %w", err)
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - stderrKept; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
