package transcode

import (
	"fmt"
	"math"
	"testing"
	"time"

	"millrace/internal/media"
)

// A tone must stay a tone: no noise beside it, no click, at its time.
func TestTone(t *testing.T) {
	for i, rate := range rates {
		for channels := 1; channels <= 2; channels++ {
			if rate < 44100 && channels != 1+i%2 {
				continue
			}
			t.Run(fmt.Sprintf("%d/%d", rate, channels), func(t *testing.T) {
				const freq = 1000
				c := encodeAAC(t, sine(freq, rate, 2*rate, channels), rate, channels, "-b:a", itoa(96000*channels))
				packets, _ := convert(t, c.frames())
				onGrid(t, packets)
				x := decodeOpus(t, packets, channels)
				checkTone(t, x[outputRate/2:3*outputRate/2], packets[0].PTS.Add(time.Second/2), freq, rate)
				for _, p := range packets {
					if p.Capture-int64(p.PTS) != 1e18 || p.Arrived < 2e18 || p.Track.Codec != media.Opus || p.Track.Channels != channels {
						t.Fatalf("packet %+v, track %+v", p, p.Track)
					}
				}
			})
		}
	}
}

// checkTone checks 48 kHz samples, the first due at begin, of a sine that
// starts at origin.
func checkTone(t *testing.T, x []float64, begin media.Time, freq float64, rate int) {
	t.Helper()
	amplitude, phase, rest := fit(x, freq, outputRate)
	snr := -decibel(rms(rest) / rms(x))
	w := 2 * math.Pi * freq
	late := math.Remainder(w*begin.Sub(origin).Seconds()-phase, 2*math.Pi) / w
	worst := 0.0
	for i := 0; i+48 <= len(rest); i += 48 {
		worst = max(worst, rms(rest[i:i+48]))
	}
	corner := 0.0
	for i := 2; i < len(rest); i++ {
		corner = max(corner, math.Abs(rest[i]-2*rest[i-1]+rest[i-2]))
	}
	t.Logf("SNR %.1f dB, amplitude %.4f, late %.1f us, loudest ms beside it %.1f dB, corner %.4f",
		snr, amplitude, late*1e6, decibel(worst/rms(x)), corner)
	if snr < 27 || math.Abs(amplitude-0.5) > 0.02 {
		t.Errorf("SNR %.1f dB, amplitude %.4f", snr, amplitude)
	}
	if decibel(worst/rms(x)) > -18 || corner > 0.005 {
		t.Errorf("click: loudest millisecond beside the tone %.1f dB, corner %.4f", decibel(worst/rms(x)), corner)
	}
	if math.Abs(late) > 100e-6 {
		t.Errorf("late by %.1f us", late*1e6)
	}
}
