package rtp

import (
	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// audioLane makes frames of sound: of one Opus packet each, or of the
// fragments of one ADTS frame.
type audioLane struct {
	lane
	track audioTrack
	scan  int64 // next up to here is the beginning of one ADTS frame
	last  media.Time
	any   bool
}

func (l *audioLane) take(a *Assembler, pk *media.Packet) {
	if l.begins(pk) {
		l.restart(pk.Seq)
		l.scan, l.any = l.next, false
	}
	if pk.Seq < l.next {
		return // too late
	}
	for !l.fits(pk) {
		if l.next == l.end {
			l.restart(pk.Seq)
			l.scan = l.next
			break
		}
		l.giveUp()
		l.advance(a)
	}
	if pk.Seq >= l.next && l.put(pk, a.now) {
		l.advance(a)
	}
}

func (l *audioLane) expire(a *Assembler) {
	for l.overdue(a.now) {
		l.giveUp()
		l.advance(a)
	}
}

// giveUp leaves out what belongs to the gap.
func (l *audioLane) giveUp() {
	to := l.end
	if l.gap() {
		to = l.ahead
	}
	l.forget(to)
	l.scan = l.next
}

func (l *audioLane) advance(a *Assembler) {
	for l.scan < l.solid {
		switch pk := l.at(l.scan); {
		case l.scan > l.next && pk.Time != l.at(l.next).Time:
			l.finish(a, l.scan)
		case pk.Marker || pk.Codec != media.AAC:
			l.finish(a, l.scan+1)
		default:
			l.scan++
		}
	}
}

// finish is done with the packets from next up to end.
func (l *audioLane) finish(a *Assembler, end int64) {
	if data, t := l.read(end); t != nil {
		f := l.frame(l.next, end, t)
		f.Data = data
		if l.any && f.DTS < l.last {
			f.DTS = l.last
		}
		f.PTS = f.DTS
		l.last, l.any = f.DTS, true
		a.out = append(a.out, f)
	}
	l.forget(end)
	l.scan = l.next
}

// read returns the sound in the packets from next up to end. The track is nil
// when it is not whole.
func (l *audioLane) read(end int64) ([]byte, *media.Track) {
	first := l.at(l.next)
	if first.Codec == media.Opus {
		if opus.Samples(first.Payload) == 0 {
			return nil, nil
		}
		return first.Payload, l.track.opus()
	}
	if first.Codec != media.AAC {
		return nil, nil
	}
	// The length in the header shows whether the frame is whole, and that its
	// first fragment is among the packets.
	h, err := aac.ParseADTS(first.Payload)
	size := 0
	for seq := l.next; seq < end; seq++ {
		size += len(l.at(seq).Payload)
	}
	if err != nil || h.FrameSize != size || h.HeaderSize > len(first.Payload) || h.Blocks != 1 || size == h.HeaderSize {
		return nil, nil
	}
	t := l.track.aac(h.Config, first.Payload)
	if t == nil || size == len(first.Payload) {
		return first.Payload[h.HeaderSize:], t
	}
	data := make([]byte, 0, size-h.HeaderSize)
	data = append(data, first.Payload[h.HeaderSize:]...)
	for seq := l.next + 1; seq < end; seq++ {
		data = append(data, l.at(seq).Payload...)
	}
	return data, t
}

// audioTrack keeps the description of the sound in step with what comes.
type audioTrack struct {
	track  *media.Track // nil: nothing is known
	config aac.Config   // of an AAC track
}

// adopt takes what was announced.
func (a *audioTrack) adopt(t *media.Track) {
	if t == nil || t.Kind != media.Audio {
		return
	}
	if t.Codec == media.AAC {
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return // the headers tell
		}
		a.config = c
	}
	a.track = t
}

// opus returns the track of an Opus packet.
func (a *audioTrack) opus() *media.Track {
	if a.track == nil || a.track.Codec != media.Opus {
		a.track = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: opus.Rate, Channels: 2}
	}
	return a.track
}

// aac returns the track of an ADTS frame: the one in force unless the header
// contradicts it. A header does not tell of SBR, and so agrees with a track
// that has it. nil: the layout stands in the sound itself and nothing else tells.
func (a *audioTrack) aac(c aac.Config, header []byte) *media.Track {
	known := a.track != nil && a.track.Codec == media.AAC
	if known && a.config.ObjectType == c.ObjectType && a.config.CoreRate == c.CoreRate && a.config.ChannelConfig == c.ChannelConfig {
		return a.track
	}
	if c.ChannelConfig == 0 {
		return nil
	}
	// The header's fields are those of an AudioSpecificConfig, but for the
	// object type, which is counted from 0.
	kind, rate := header[2]>>6+1, header[2]>>2&15
	a.config = c
	a.track = &media.Track{
		Kind: media.Audio, Codec: media.AAC, SampleRate: c.OutputRate, Channels: c.Channels,
		Config: []byte{kind<<3 | rate>>1, rate<<7 | byte(c.ChannelConfig)<<3},
	}
	return a.track
}
