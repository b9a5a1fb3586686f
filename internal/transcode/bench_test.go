package transcode

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
)

// music is one second that a codec has work with: tones that wander, noise and
// beats, different on the two sides.
func music(rate int) []float64 {
	random := rand.New(rand.NewPCG(7, 7))
	out := make([]float64, 0, 2*rate)
	a, b := sine(330, rate, rate, 1), sine(2217, rate, rate, 1)
	for i := range rate {
		beat := 1 - float64(i%(rate/4))/float64(rate/4)
		noise := random.Float64() - 0.5
		out = append(out, 0.6*a[i]+0.4*beat*noise, 0.5*a[i]*beat+0.3*b[i]+0.1*noise)
	}
	return out
}

// BenchmarkConverter measures AAC to Opus; %core is the share of one core that
// one stream takes in real time.
func BenchmarkConverter(b *testing.B) {
	for _, rate := range []int{48000, 44100} {
		for _, bent := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/bent=%v", rate, bent), func(b *testing.B) {
				c := encodeAAC(b, music(rate), rate, 2, "-b:a", "128k")
				v := newVoice()
				conv, _, err := newConverter(v, c.track)
				if err != nil {
					b.Fatal(err)
				}
				frames := c.frames()
				k := 0
				b.ReportAllocs()
				begin := cpu()
				for b.Loop() {
					f := *frames[k%len(frames)]
					f.PTS = c.at(k)
					if bent {
						v.clock.drift, v.clock.bending = 0.003, true
					}
					if _, err := conv.push(&f); err != nil {
						b.Fatal(err)
					}
					k++
				}
				frame := lcSamples / float64(rate) * 1e9
				b.ReportMetric(float64(cpu()-begin)/float64(b.N)/frame*100, "%core")
			})
		}
	}
}

// cpu is the time this process has computed, in nanoseconds; other than the
// time on the wall it does not depend on who else uses the machine.
func cpu() int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

// BenchmarkToAAC measures Opus to AAC in the same way.
func BenchmarkToAAC(b *testing.B) {
	for _, channels := range []int{1, 2} {
		b.Run(itoa(channels), func(b *testing.B) {
			pcm := music(outputRate)
			if channels == 1 {
				for i := range len(pcm) / 2 {
					pcm[i] = pcm[2*i]
				}
				pcm = pcm[:len(pcm)/2]
			}
			frames := encodeOpus(b, pcm, channels, "-b:a", itoa(48000*channels))
			v := newVoice()
			v.target = toAAC()
			conv, _, err := newConverter(v, frames[0].Track)
			if err != nil {
				b.Fatal(err)
			}
			k := 0
			b.ReportAllocs()
			begin := cpu()
			for b.Loop() {
				f := *frames[k%len(frames)]
				f.PTS = origin.Add(samplesLong(int64(k)*packetSamples, outputRate))
				if _, err := conv.push(&f); err != nil {
					b.Fatal(err)
				}
				k++
			}
			b.ReportMetric(float64(cpu()-begin)/float64(b.N)/20e6*100, "%core")
		})
	}
}
