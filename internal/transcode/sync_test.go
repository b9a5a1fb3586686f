package transcode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"millrace/internal/media"
)

// beeps is one second of sound: 20 ms of 1 kHz that begin abruptly at 0.5 s.
func beeps(rate, channels int) []float64 {
	out := make([]float64, rate*channels)
	for i := range rate / 50 {
		for c := range channels {
			out[(rate/2+i)*channels+c] = 0.6 * math.Sin(2*math.Pi*1000*float64(i)/float64(rate))
		}
	}
	return out
}

// stamps are those of a source whose clock is off by ppm against its samples,
// jittered, and rounded to milliseconds.
type stamps struct {
	rate   int
	ppm    float64
	random *rand.Rand
}

func newStamps(rate int, ppm float64) stamps {
	return stamps{rate, ppm, rand.New(rand.NewPCG(1, uint64(rate)))}
}

// due is when a sample is really due.
func (s stamps) due(sample int64) media.Time {
	return origin.Add(time.Duration(float64(sample) / float64(s.rate) * (1 + s.ppm*1e-6) * 1e9))
}

// of is what the source says.
func (s stamps) of(sample int64) media.Time {
	jitter := time.Duration(s.random.NormFloat64() * float64(3*time.Millisecond))
	return media.Time(s.due(sample).Add(jitter).Millis() * 1e6)
}

// limit is how far lips may be out of step.
func (s stamps) limit() time.Duration {
	switch {
	case s.ppm == 0:
		return 5 * time.Millisecond
	case math.Abs(s.ppm) <= 500:
		return 10 * time.Millisecond
	}
	return 20 * time.Millisecond
}

var drifts = []float64{0, 20, 100, -300, 900}

// For an hour, and at any drift that a clock can have, the sound stays at its
// time and the ratio is bent no more than it must be.
func TestClockHour(t *testing.T) {
	for _, rate := range []int{44100, 48000} {
		for _, ppm := range drifts {
			t.Run(fmt.Sprintf("%d/%gppm", rate, ppm), func(t *testing.T) {
				source := newStamps(rate, ppm)
				var c clock
				c.restart(rate, source.of(0))
				slip, worst, bends := 0.0, time.Duration(0), 0
				for n := int64(0); n < 3600*int64(rate); n += lcSamples {
					at := source.of(n)
					if c.jumps(at, slip) {
						t.Fatalf("jump at sample %d", n)
					}
					bend := c.feed(at, lcSamples, slip)
					if bend != 0 {
						bends++
					}
					// What is consumed faster comes out earlier than its grid says.
					slip += bend * lcSamples / float64(rate)
					heard := c.start.Add(samplesLong(n, rate) - time.Duration(slip*1e9))
					worst = max(worst, heard.Sub(source.due(n)).Abs())
				}
				t.Logf("worst off by %v, bent for %d frames", worst, bends)
				limit := source.limit()
				if worst > limit || ppm == 0 && bends > 2000 {
					t.Errorf("off by %v, limit %v; bent for %d frames", worst, limit, bends)
				}
			})
		}
	}
}

// A beep comes out when it is due, however the stamps are rounded and jittered.
func TestLipSync(t *testing.T) {
	for _, rate := range []int{44100, 48000} {
		for _, ppm := range []float64{0, -900} {
			t.Run(fmt.Sprintf("%d/%gppm", rate, ppm), func(t *testing.T) {
				lipSync(t, rate, ppm)
			})
		}
	}
}

// onset decodes nothing: it reads the time of the beep from what the encoder is
// given, less its delay.
type onset struct {
	delay  int
	quiet  int // samples since the last beep
	n      int64
	onsets []int64 // 48 kHz samples from the first one encoded
}

func (o *onset) Delay() int { return o.delay }

func (o *onset) Reset() {}

func (o *onset) Track() *media.Track { return opusTrack(1, o.delay) }

func (o *onset) Encode(pcm []float32, packet []byte) (int, error) {
	for i := 0; i < len(pcm); i++ {
		if math.Abs(float64(pcm[i])) > 0.1 {
			if o.quiet > outputRate/2 {
				o.onsets = append(o.onsets, o.n)
			}
			o.quiet = 0
		}
		o.quiet++
		o.n++
	}
	return copy(packet, []byte{0xfc, 0xff, 0xfe}), nil
}

func lipSync(t *testing.T, rate int, ppm float64) {
	ear := &onset{delay: 120}
	v := newVoice()
	v.newEncoder = func(int) (encoder, error) { return ear, nil }
	if _, err := v.configure(rate, 1); err != nil {
		t.Fatal(err)
	}
	const seconds = 20
	second := beeps(rate, 1)
	source := newStamps(rate, ppm)
	pcm := make([]float32, lcSamples)
	var packets []*media.Frame
	var n int64
	for ; n < seconds*int64(rate); n += lcSamples {
		for i := range pcm {
			pcm[i] = float32(second[(n+int64(i))%int64(rate)])
		}
		packets = append(packets, v.write(sound{pcm: pcm, at: source.of(n)})...)
	}
	onGrid(t, packets)
	begin := packets[0].PTS.Add(samplesLong(int64(ear.delay), outputRate))
	worst := time.Duration(0)
	for k, o := range ear.onsets {
		due := source.due(int64(k)*int64(rate) + int64(rate)/2)
		off := begin.Add(samplesLong(o, outputRate)).Sub(due)
		worst = max(worst, off.Abs())
	}
	t.Logf("%d beeps, worst off by %v, %d jumps", len(ear.onsets), worst, v.counts.jumps)
	if len(ear.onsets) != seconds || v.counts.jumps != 0 {
		t.Errorf("%d beeps, %d jumps", len(ear.onsets), v.counts.jumps)
	}
	if worst > source.limit() {
		t.Errorf("off by %v, limit %v", worst, source.limit())
	}
	if ppm != 0 && math.Abs(v.slip()) < 1e-3 {
		t.Errorf("the ratio was hardly bent: %g s", v.slip())
	}
}

// The same through all of AAC, Opus and a real decoder.
func TestBeep(t *testing.T) {
	for _, rate := range []int{16000, 44100, 48000} {
		t.Run(itoa(rate), func(t *testing.T) {
			var pcm []float64
			for range 4 {
				pcm = append(pcm, beeps(rate, 2)...)
			}
			c := encodeAAC(t, pcm, rate, 2, "-b:a", "128k")
			frames := c.frames()
			for _, f := range frames {
				f.PTS = media.Time(f.PTS.Millis() * 1e6)
				f.DTS = f.PTS
			}
			packets, _ := convert(t, frames)
			onGrid(t, packets)
			x := decodeOpus(t, packets, 2)
			at := func(due time.Duration) int {
				return int(origin.Add(due).Sub(packets[0].PTS).Seconds() * outputRate)
			}
			for k := range 4 {
				due := time.Duration(k)*time.Second + time.Second/2
				from, to := at(due-200*time.Millisecond), at(due+200*time.Millisecond)
				begin := from
				for begin < to && math.Abs(x[begin]) < 0.15 {
					begin++
				}
				off := time.Duration(float64(begin-at(due)) / outputRate * 1e9)
				t.Logf("beep %d is off by %v", k, off)
				if off.Abs() > 2*time.Millisecond {
					t.Errorf("beep %d is off by %v", k, off)
				}
			}
		})
	}
}

// Speech from AAC by way of Opus must be the speech that ffmpeg decodes, at the
// same time.
func TestSpeech(t *testing.T) {
	b, err := os.ReadFile("testdata/speech.aac")
	if err != nil {
		t.Fatal(err)
	}
	c := readADTS(t, b)
	want := floats(ffmpeg(t, b, "-f", "aac", "-i", "pipe:0", "-f", "f32le", "-ar", "48000", "-ac", "1", "pipe:1"), 1)
	packets, v := convert(t, c.frames())
	if v.counts.failed != 0 || v.counts.jumps != 0 {
		t.Errorf("counts %+v", v.counts)
	}
	onGrid(t, packets)
	compare(t, decodeOpus(t, packets, 1), packets[0].PTS, want, c.at(0))
}

// compare fails unless x, due at begin, is want, due at due.
func compare(t *testing.T, x []float64, begin media.Time, want []float64, due media.Time) {
	t.Helper()
	if r := correlate(t, x, begin, want, due); r < 0.95 {
		t.Errorf("correlation %.4f", r)
	}
}

// correlate says how alike x, due at begin, and want, due at due, are. It fails
// unless that is so at the time that they are due.
func correlate(t *testing.T, x []float64, begin media.Time, want []float64, due media.Time) float64 {
	t.Helper()
	shift := int(math.Round(begin.Sub(due).Seconds() * outputRate))
	best, at := 0.0, 0
	const reach = outputRate / 20
	try := func(lag, stride int) {
		var xy, xx, yy float64
		for i := reach + outputRate/10; i < len(x)-reach-outputRate/10; i += stride {
			if j := i + shift + lag; j >= 0 && j < len(want) {
				xy, xx, yy = xy+x[i]*want[j], xx+x[i]*x[i], yy+want[j]*want[j]
			}
		}
		if r := xy / math.Sqrt(xx*yy); r > best {
			best, at = r, lag
		}
	}
	for lag := -reach; lag <= reach; lag += 4 {
		try(lag, 17)
	}
	coarse := at
	best = 0
	for lag := coarse - 6; lag <= coarse+6; lag++ {
		try(lag, 3)
	}
	t.Logf("correlation %.4f at a lag of %.2f ms", best, float64(at)/48)
	if math.Abs(float64(at)) > 2*48 {
		t.Errorf("late by %.2f ms", float64(at)/48)
	}
	return best
}
