package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"millrace/internal/demo"
	"millrace/internal/media"
)

// The committed loop, played three times in a row and decoded, is the sound
// that was drawn: at the same samples, and at the seams as well as elsewhere.
func TestLoopSoundsAsDrawn(t *testing.T) {
	loop, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	var packets mpeg4audio.ADTSPackets
	for range 3 {
		for _, f := range loop.Frames() {
			if f.Track.Kind == media.Audio {
				packets = append(packets, &mpeg4audio.ADTSPacket{
					Type: mpeg4audio.ObjectTypeAACLC, SampleRate: rate, ChannelConfig: 2, AU: f.Data,
				})
			}
		}
	}
	adts, err := packets.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "aac", "-i", "pipe:0", "-f", "s16le", "pipe:1")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(adts), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, &errs)
	}
	drawn := sound(1)
	if out.Len() != 3*len(drawn) {
		t.Fatalf("%d bytes decoded, want 3 times %d", out.Len(), len(drawn))
	}
	middle := out.Bytes()[len(drawn) : 2*len(drawn)]

	const window = 2048 * 4 // two AAC frames
	var worst, signal, noise float64
	for at := 0; at+window <= len(drawn); at += window {
		s, n := power(drawn[at:at+window], nil), power(drawn[at:at+window], middle[at:at+window])
		signal, noise = signal+s, noise+n
		if at > 0 && at+2*window <= len(drawn) {
			worst = max(worst, n)
		}
	}
	snr := 10 * math.Log10(signal/noise)
	first, last := power(drawn[:window], middle[:window]), power(drawn[len(drawn)-window:], middle[len(drawn)-window:])
	t.Logf("SNR %.1f dB; noise after the seam %.2g, before it %.2g, worst anywhere %.2g", snr, first, last, worst)
	if snr < 15 {
		t.Errorf("SNR %.1f dB", snr)
	}
	if first > worst || last > worst {
		t.Errorf("noise at the seam: %.2g after, %.2g before; elsewhere at most %.2g", first, last, worst)
	}
}

// power is the energy of a, or of a-b.
func power(a, b []byte) (sum float64) {
	for i := 0; i+1 < len(a); i += 2 {
		v := float64(int16(binary.LittleEndian.Uint16(a[i:])))
		if b != nil {
			v -= float64(int16(binary.LittleEndian.Uint16(b[i:])))
		}
		sum += v * v
	}
	return sum
}
