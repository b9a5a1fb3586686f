package ts

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// sound makes frames of one PID's sound.
type sound struct {
	codec    media.Codec
	latm     bool
	channels int
	track    *media.Track

	mux     *mpeg4audio.StreamMuxConfig // of LATM
	samples int                         // per frame of LATM, at the track's rate

	header []byte     // what the ADTS track was made of
	rest   []byte     // an ADTS frame that goes on in the next unit
	at     media.Time // where it begins
}

// frames makes the frames of a unit's payload, which it copies, the first of
// them at the given time. broken says that something was not understood.
func (a *sound) frames(body []byte, at media.Time, give func(*media.Frame)) (broken bool) {
	switch {
	case a.codec == media.Opus:
		return a.opus(body, at, give)
	case a.latm:
		return a.loas(body, at, give)
	}
	return a.adts(body, at, give)
}

// lose forgets what is not complete.
func (a *sound) lose() { a.rest = nil }

func (a *sound) give(at media.Time, data []byte, give func(*media.Frame)) {
	give(&media.Frame{Track: a.track, DTS: at, PTS: at, Key: true, Data: bytes.Clone(data)})
}

// adts reads ADTS frames. One may begin in a unit and end in the next; the
// unit's time is that of the first frame that begins in it.
func (a *sound) adts(body []byte, at media.Time, give func(*media.Frame)) (broken bool) {
	now, b := at, body
	carried := len(a.rest)
	if carried > 0 {
		now, b = a.at, append(a.rest, body...)
		a.rest = nil
	}
	used := 0
	for len(b) > 0 {
		if carried > 0 && used >= carried {
			now, carried = at, 0
		}
		h, err := aac.ParseADTS(b)
		if err != nil && len(b) >= aac.ADTSHeaderSize {
			broken = true
			next := bytes.IndexByte(b[1:], 0xff)
			if next < 0 {
				return broken
			}
			b, used = b[1+next:], used+1+next
			continue
		}
		if err != nil || h.FrameSize > len(b) {
			a.rest, a.at = bytes.Clone(b), now
			return broken
		}
		// Several blocks in one frame cannot be told apart without decoding.
		if h.Blocks == 1 && h.FrameSize > h.HeaderSize && a.configure(h, b) {
			a.give(now, b[h.HeaderSize:h.FrameSize], give)
			now += media.FromUnits(int64(h.Config.Samples), int64(h.Config.CoreRate))
		} else {
			broken = true
		}
		b, used = b[h.FrameSize:], used+h.FrameSize
	}
	return broken
}

// configure makes the track of an ADTS header.
func (a *sound) configure(h aac.ADTS, b []byte) bool {
	// Profile, rate and channels are in these bits of the fixed header.
	fixed := []byte{b[2] &^ 0x02, b[3] & 0xc0}
	if a.track != nil && bytes.Equal(fixed, a.header) {
		return true
	}
	if h.Config.ObjectType != aac.ObjectLC {
		return false
	}
	config, err := aac.LCConfig(h.Config.CoreRate, h.Config.Channels)
	if err != nil {
		return false
	}
	a.header = fixed
	a.track = &media.Track{
		Kind: media.Audio, Codec: media.AAC, SampleRate: h.Config.OutputRate, Channels: h.Config.Channels, Config: config,
	}
	return true
}

// opus reads Opus access units.
func (a *sound) opus(body []byte, at media.Time, give func(*media.Frame)) (broken bool) {
	for len(body) > 0 {
		var u substructs.OpusAccessUnit
		n, err := u.Unmarshal(body)
		if err != nil || n < 1 || n > len(body) || opus.Samples(u.Packet) == 0 {
			return true
		}
		if a.track == nil {
			channels := a.channels
			if channels < 1 || channels > 2 {
				channels = 1
				if opus.Stereo(u.Packet) {
					channels = 2
				}
			}
			a.track = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: opus.Rate, Channels: channels}
		}
		a.give(at, u.Packet, give)
		at = at.Add(opus.Duration(u.Packet))
		body = body[n:]
	}
	return false
}
