// Genloop draws the demo loop and compresses it with ffmpeg:
//
//	go run ./scripts/genloop -o internal/demo/loop.flv
//
// The loop is eight seconds: 240 pictures and exactly 375 AAC frames, so that
// it repeats without a gap or a click.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"
)

const (
	length = 8 * time.Second
	fps    = 30
	frames = int(length/time.Second) * fps
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "loop.flv", "file to write")
	still := flag.String("still", "", "also write the picture at -at as PPM to this file")
	at := flag.Duration("at", 0, "time of the still picture")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *still != "" {
		if err := writeStill(*still, *at); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(ctx, *out); err != nil {
		log.Fatal(err)
	}
}

// run compresses three rounds of the sound and keeps the middle one: its first
// and last frames overlap with copies of themselves.
func run(ctx context.Context, out string) error {
	dir, err := os.MkdirTemp("", "genloop")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	pcmFile := filepath.Join(dir, "sound.s16le")
	if err := os.WriteFile(pcmFile, sound(3), 0o600); err != nil {
		return fmt.Errorf("write sound: %w", err)
	}

	pictures, feed := io.Pipe()
	go func() { feed.CloseWithError(drawAll(feed)) }()
	defer pictures.Close()

	cmd := exec.CommandContext(ctx, "ffmpeg", arguments(pcmFile)...)
	var flv bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pictures, &flv, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run ffmpeg: %w", err)
	}
	loop, err := cut(flv.Bytes())
	if err != nil {
		return fmt.Errorf("cut loop: %w", err)
	}
	if err := os.WriteFile(out, loop, 0o644); err != nil {
		return fmt.Errorf("write loop: %w", err)
	}
	log.Printf("%s: %d bytes", out, len(loop))
	return nil
}

// arguments asks for H264 that every decoder takes and that decodes without
// waiting: baseline, one slice, a closed group of pictures each second.
func arguments(pcmFile string) []string {
	return []string{
		"-v", "error", "-nostdin", "-fflags", "+bitexact",
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", width, height), "-r", strconv.Itoa(fps), "-i", "pipe:0",
		"-f", "s16le", "-ar", strconv.Itoa(rate), "-ac", "2", "-i", pcmFile,
		"-map", "0:v", "-map", "1:a",
		"-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryslow", "-crf", "29", "-threads", "1",
		"-x264-params", "keyint=30:min-keyint=30:scenecut=0:bframes=0:open-gop=0:slices=1:ref=2",
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
		"-bsf:v", "filter_units=remove_types=6",
		"-c:a", "aac", "-b:a", "96k", "-flags", "+bitexact",
		"-f", "flv", "pipe:1",
	}
}

func drawAll(w io.Writer) error {
	base := backdrop()
	picture := new(canvas)
	var raw []byte
	for i := range frames {
		*picture = *base
		picture.draw(frameTime(i))
		raw = picture.appendYUV(raw[:0])
		if _, err := w.Write(raw); err != nil {
			return fmt.Errorf("write picture: %w", err)
		}
	}
	return nil
}

// frameTime is the time of picture i of the loop.
func frameTime(i int) time.Duration { return time.Duration(i) * length / time.Duration(frames) }

func writeStill(name string, at time.Duration) error {
	c := backdrop()
	c.draw(at)
	out := fmt.Appendf(nil, "P6\n%d %d\n255\n", width, height)
	for _, p := range c {
		for _, v := range p {
			out = append(out, byte(v*255+0.5))
		}
	}
	if err := os.WriteFile(name, out, 0o644); err != nil {
		return fmt.Errorf("write still: %w", err)
	}
	return nil
}
