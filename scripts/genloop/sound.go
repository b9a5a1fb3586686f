package main

import (
	"encoding/binary"
	"math"
	"time"
)

const (
	rate    = 48000                  // Hz
	beepFor = 100 * time.Millisecond // and the marker's light
)

// voice is one note of the quiet chord. Its frequency and swell are whole
// numbers of turns in a loop, so that the end meets the beginning.
type voice struct {
	hz, level, swells, pan float64
}

var chord = []voice{
	{110, 0.030, 1, 0.5},
	{164.75, 0.022, 2, 0.35},
	{220, 0.018, 3, 0.65},
	{277.25, 0.012, 1, 0.25},
	{329.75, 0.010, 2, 0.75},
}

// sound renders n loops as interleaved stereo, 16-bit little endian.
func sound(n int) []byte {
	samples := int(length.Seconds() * rate)
	once := make([]byte, 0, samples*4)
	for i := range samples {
		left, right := sample(float64(i) / rate)
		once = binary.LittleEndian.AppendUint16(once, pcm(left))
		once = binary.LittleEndian.AppendUint16(once, pcm(right))
	}
	var out []byte
	for range n {
		out = append(out, once...)
	}
	return out
}

// sample is the sound at time t of the loop, left and right, -1 to 1.
func sample(t float64) (left, right float64) {
	for _, v := range chord {
		swell := 0.65 - 0.35*math.Cos(2*math.Pi*v.swells*t/length.Seconds())
		a := v.level * swell * math.Sin(2*math.Pi*v.hz*t)
		left += a * (1 - v.pan) * 2
		right += a * v.pan * 2
	}
	b := beep(t)
	return left + b, right + b
}

// beep sounds at each whole second, higher at the loop's beginning. It begins
// at once, for the eye and the ear to compare, and fades.
func beep(t float64) float64 {
	part := t - math.Floor(t)
	if part >= beepFor.Seconds() {
		return 0
	}
	hz := 880.0
	if t < 1 {
		hz = 1320
	}
	attack := min(part/0.002, 1)
	fade := 0.5 + 0.5*math.Cos(math.Pi*part/beepFor.Seconds())
	return 0.22 * attack * fade * math.Sin(2*math.Pi*hz*part)
}

func pcm(v float64) uint16 {
	return uint16(int16(math.Round(min(max(v, -1), 1) * 32767)))
}
