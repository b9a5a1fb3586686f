package carry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"millrace/client"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

const (
	// headUnits is how many access units are read to describe the tracks, and
	// headPictures how many pictures tell about B-frames where nothing else does.
	headUnits    = 512
	headPictures = 16
)

// tsClock is the rate of timestamps in MPEG-TS, in Hz.
const tsClock = 90000

// tsSource reads MPEG-TS.
type tsSource struct {
	reader *mpegts.Reader
	shut   func() error
	clock  mpegts.TimeDecoder
	queue  []client.AccessUnit
	video  *client.Track
	audio  *client.Track
	params [][]byte
}

func openTS(b *bufio.Reader, shut func() error) (source, error) {
	s := &tsSource{reader: &mpegts.Reader{R: b}, shut: shut}
	if err := s.reader.Initialize(); err != nil {
		return nil, fmt.Errorf("read MPEG-TS: %w", err)
	}
	s.clock.Initialize()
	for _, t := range s.reader.Tracks() {
		if err := s.add(t); err != nil {
			return nil, err
		}
	}
	if s.video == nil && s.audio == nil {
		return nil, errors.New("the input has neither video nor audio")
	}
	return s, s.readHead()
}

// add takes a track; the first of each kind is sent.
func (s *tsSource) add(t *mpegts.Track) error {
	switch c := t.Codec.(type) {
	case *codecs.H264:
		if s.video == nil {
			s.video = &client.Track{Kind: client.Video, Codec: client.H264}
			s.reader.OnDataH264(t, s.picture)
		}
	case *codecs.MPEG4Audio:
		if s.audio != nil {
			return nil
		}
		config, err := c.Config.Marshal()
		if err != nil {
			return fmt.Errorf("read MPEG-TS: AAC: %w", err)
		}
		rate := c.SampleRate
		s.audio = &client.Track{Kind: client.Audio, Codec: client.AAC, SampleRate: rate, Channels: c.ChannelCount, Config: config} //nolint:staticcheck // there is no other count
		s.reader.OnDataMPEG4Audio(t, func(pts int64, units [][]byte) error {
			at := s.place(pts)
			for i, u := range units {
				s.sound(at+time.Duration(media.FromUnits(int64(i)*1024, int64(rate))), u)
			}
			return nil
		})
	case *codecs.Opus:
		if s.audio != nil {
			return nil
		}
		s.audio = &client.Track{Kind: client.Audio, Codec: client.Opus, SampleRate: opus.Rate, Channels: c.ChannelCount} //nolint:staticcheck // there is no other count
		s.reader.OnDataOpus(t, func(pts int64, packets [][]byte) error {
			at := s.place(pts)
			for _, p := range packets {
				s.sound(at, p)
				at += opus.Duration(p)
			}
			return nil
		})
	case *codecs.KLV, *codecs.DVBSubtitle:
	default:
		return foreignTS(t.Codec)
	}
	return nil
}

// foreignTS says what cannot be sent.
func foreignTS(c codecs.Codec) error {
	switch c.(type) {
	case *codecs.H265:
		return codecError(client.Video, "HEVC")
	case *codecs.MPEG1Video:
		return codecError(client.Video, "MPEG-2")
	case *codecs.MPEG4Video:
		return codecError(client.Video, "MPEG-4 part 2")
	case *codecs.MPEG1Audio:
		return codecError(client.Audio, "MP3 or MP2")
	case *codecs.AC3, *codecs.EAC3:
		return codecError(client.Audio, "AC-3")
	case *codecs.MPEG4AudioLATM:
		return codecError(client.Audio, "AAC in LATM")
	}
	return errors.New("the input has a track in a codec that is not carried: convert it, as with\n  ffmpeg -re -i FILE -c:v libx264 -c:a aac -f flv - | millrace publish URL")
}

// place puts a timestamp onto a scale that does not wrap around.
func (s *tsSource) place(ts int64) time.Duration {
	return time.Duration(media.FromUnits(s.clock.Decode(ts), tsClock))
}

func (s *tsSource) picture(pts, dts int64, units [][]byte) error {
	u := client.AccessUnit{Kind: client.Video, DTS: s.place(dts)}
	u.PTS = s.place(pts)
	for _, n := range units {
		switch h264.Type(n) {
		case h264.TypeSPS, h264.TypePPS:
			s.params, _ = h264.MergeParams(s.params, [][]byte{n})
		case h264.TypeIDR:
			u.Key = true
		}
		u.Data = append(append(u.Data, startCode...), n...)
	}
	if u.PTS != u.DTS {
		s.video.BFrames = true
	}
	s.queue = append(s.queue, u)
	return nil
}

func (s *tsSource) sound(at time.Duration, data []byte) {
	s.queue = append(s.queue, client.AccessUnit{Kind: client.Audio, DTS: at, PTS: at, Key: true, Data: data})
}

// readHead reads until the tracks are described.
func (s *tsSource) readHead() error {
	pictures, looked := 0, 0
	for s.video != nil && len(s.queue) < headUnits {
		for ; looked < len(s.queue); looked++ {
			if s.queue[looked].Kind == client.Video {
				pictures++
			}
		}
		if len(s.params) > 1 {
			sps, err := h264.ParseSPS(s.params[0])
			if err == nil {
				s.video.Width, s.video.Height = sps.Width, sps.Height
				s.video.BFrames = s.video.BFrames || sps.Reorders()
			}
			if s.video.BFrames || err == nil && sps.MaxReorder == 0 || pictures >= headPictures {
				break
			}
		}
		if err := s.reader.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read MPEG-TS: %w", err)
		}
	}
	if s.video != nil {
		s.video.Config = byteStream(&media.Frame{Track: &media.Track{Params: s.params}, Key: true})
	}
	return nil
}

func (s *tsSource) tracks() (video, audio *client.Track) { return s.video, s.audio }

func (s *tsSource) next() (client.AccessUnit, error) {
	for len(s.queue) == 0 {
		if err := s.reader.Read(); errors.Is(err, io.EOF) {
			return client.AccessUnit{}, io.EOF
		} else if err != nil {
			return client.AccessUnit{}, fmt.Errorf("read MPEG-TS: %w", err)
		}
	}
	u := s.queue[0]
	s.queue = s.queue[1:]
	return u, nil
}

func (s *tsSource) close() error { return s.shut() }
