package transcode

import (
	"fmt"
	"math"
	"time"

	"millrace/internal/media"
)

const (
	// maxPacket is enough for any packet of Opus of 20 ms (RFC 6716 section
	// 3.4), and for any access unit of AAC of two channels.
	maxPacket = 1536
	// maxSkip is how much sound is dropped where a source stamps it twice;
	// a source that jumps further back has begun a new time.
	maxSkip = time.Second
)

// target is what sound becomes.
type target struct {
	codec media.Codec
	// samples is the length of a packet at 48 kHz, per channel.
	samples int
	// held is how many packets the encoder keeps before it puts out the first.
	held       int
	newEncoder func(channels int) (encoder, error)
}

// encoder makes packets.
type encoder interface {
	// Encode takes the samples of one packet, 48 kHz interleaved, and writes
	// the packet that is complete now into packet. It returns its length, 0
	// for those that are held. After an error only Reset helps.
	Encode(pcm []float32, packet []byte) (int, error)
	// Delay is how many samples of 48 kHz what a decoder plays lies behind
	// what was encoded.
	Delay() int
	// Reset makes the encoder begin anew behind a gap.
	Reset()
	// Track describes what the encoder makes.
	Track() *media.Track
}

// sound is a run of decoded samples.
type sound struct {
	pcm              []float32 // interleaved, in [-1, 1]
	at               media.Time
	capture, arrived int64 // as in media.Frame
	fresh            bool  // a new publisher begins with it
}

// voice makes the packets of one stream out of its sound. It has no goroutine
// and is used by one at a time.
type voice struct {
	target
	filters *filters
	counts  *counts

	rate, channels int
	track          *media.Track
	encoder        encoder
	resampler      *resampler
	clock          clock

	running       bool
	discontinuity bool       // the next packet is the first of a new publisher
	fadeIn        int        // samples of the input that are still to be faded in
	skip          int        // samples of the input that are still to be dropped
	begun         bool       // base is set
	base          media.Time // PTS of packet 0 since the restart
	made          int64      // packets since the restart
	hold          int        // packets that the encoder is still to keep
	newest        sound      // stamps of what was written last
	done          int64      // 48 kHz samples read from the resampler since the restart

	pcm    []float32 // the packet that is being filled
	filled int       // samples per channel in it
	packet [maxPacket]byte
}

// configure prepares v for sound of a format; 1 or 2 channels. Packets that it
// returns complete the sound of the format before.
func (v *voice) configure(rate, channels int) ([]*media.Frame, error) {
	if v.rate == rate && v.channels == channels {
		return nil, nil
	}
	rest := v.finish()
	if v.channels != channels {
		e, err := v.newEncoder(channels)
		if err != nil {
			return rest, fmt.Errorf("make %s encoder: %w", v.codec, err)
		}
		v.encoder, v.track = e, e.Track()
	}
	v.rate, v.channels = rate, channels
	v.resampler = newResampler(v.filters.of(rate), rate, channels)
	v.pcm = make([]float32, v.samples*channels)
	return rest, nil
}

// jumps says that sound stamped at does not follow what was written. A decoder
// that keeps state between frames begins anew there.
func (v *voice) jumps(at media.Time) bool {
	return !v.running || v.clock.jumps(at, v.slip())
}

// off is by how much sound stamped at comes later than what was written lets
// expect; 0 when nothing was.
func (v *voice) off(at media.Time) time.Duration {
	if !v.running {
		return 0
	}
	return v.clock.off(at, v.slip())
}

// slip is by how many seconds bending has moved the sound forward.
func (v *voice) slip() float64 {
	return v.resampler.position()/float64(v.rate) - float64(v.done)/outputRate
}

// write takes sound and returns the packets that it completes.
func (v *voice) write(s sound) []*media.Frame {
	var out []*media.Frame
	if s.fresh {
		out = v.finish()
		v.discontinuity = true
	}
	if v.jumps(s.at) {
		if v.running {
			v.counts.jumped()
		}
		out = append(out, v.finish()...)
		v.restart(s.at)
	}
	bend := v.clock.feed(s.at, len(s.pcm)/v.channels, v.slip())
	v.resampler.bend = bend * float64(v.rate) / outputRate
	v.resampler.write(v.trim(s.pcm))
	v.newest = s
	v.newest.pcm = nil
	return v.drain(out, s, math.MaxInt64)
}

// next is the PTS of the next packet; it never moves back.
func (v *voice) next() media.Time {
	return v.base.Add(samplesLong(v.made*int64(v.samples), outputRate))
}

// restart puts the grid so that sound stamped at comes out at its time, but
// never before what is out already.
func (v *voice) restart(at media.Time) {
	delay := samplesLong(int64(v.encoder.Delay()), outputRate)
	begin := at.Add(-delay)
	v.skip = 0
	if late := v.next().Sub(begin); v.begun && late > 0 {
		if late < maxSkip {
			v.skip = int(math.Ceil(late.Seconds() * float64(v.rate)))
			begin = begin.Add(samplesLong(int64(v.skip), v.rate))
		} else {
			begin = v.next()
		}
	}
	v.clock.restart(v.rate, at)
	v.resampler.reset()
	v.encoder.Reset()
	v.base, v.made, v.hold, v.done, v.filled = begin, 0, v.held, 0, 0
	v.fadeIn = v.fadeSamples()
	v.running, v.begun = true, true
}

// drain encodes the packets that are complete and begin before end.
func (v *voice) drain(out []*media.Frame, s sound, end media.Time) []*media.Frame {
	for v.next() < end {
		n := v.resampler.read(v.pcm[v.filled*v.channels:])
		v.filled += n
		v.done += int64(n)
		if v.filled < v.samples {
			return out
		}
		v.filled = 0
		if f := v.encode(s); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// encode makes the packet at v.next, unless the encoder keeps it, and moves on.
func (v *voice) encode(s sound) *media.Frame {
	n, err := v.encoder.Encode(v.pcm, v.packet[:])
	switch {
	case err != nil:
		v.counts.lost()
		v.encoder.Reset()
		// What it held is gone, too.
		v.made += int64(1 + v.held - v.hold)
		v.hold = v.held
		return nil
	case n == 0 && v.hold > 0:
		v.hold--
		return nil
	case n == 0:
		v.counts.lost()
		v.made++
		return nil
	}
	at := v.next()
	v.made++
	f := &media.Frame{
		Track: v.track, DTS: at, PTS: at, Arrived: s.arrived,
		Key: true, Discontinuity: v.discontinuity,
		Data: append(make([]byte, 0, n), v.packet[:n]...),
	}
	if s.capture != 0 {
		f.Capture = s.capture + int64(at-s.at)
	}
	v.discontinuity = false
	v.counts.packet()
	return f
}

// finish lets the sound die away and returns the packets that hold the rest of
// it. The next write begins anew.
func (v *voice) finish() []*media.Frame {
	if !v.running {
		return nil
	}
	v.running = false
	v.resampler.bend = 0
	inside := v.encoder.Delay() + (v.held-v.hold)*v.samples
	rest := v.filled + (v.resampler.pending()+v.fadeSamples())*outputRate/v.rate + inside
	packets := 1 + rest/v.samples
	end := v.base.Add(samplesLong((v.made+int64(packets))*int64(v.samples), outputRate))
	quiet := (packets + v.held + 1) * v.samples
	v.resampler.write(v.ebb(quiet*v.rate/outputRate + v.resampler.filter.taps))
	out := v.drain(nil, v.newest, end)
	v.base, v.made = end, 0
	return out
}
