package carry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"millrace/client"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"millrace/internal/wire/ts"
)

const (
	// headUnits is how many access units are read to describe the tracks, and
	// headPictures how many pictures tell about B-frames where nothing else does.
	headUnits    = 512
	headPictures = 16
)

// tsSource reads MPEG-TS.
type tsSource struct {
	reader *ts.Reader
	shut   func() error
	queue  []*media.Frame
	video  *client.Track
	audio  *client.Track
}

func openTS(b *bufio.Reader, shut func() error) (source, error) {
	s := &tsSource{reader: ts.NewReader(b), shut: shut}
	if err := s.readHead(); err != nil {
		return nil, err
	}
	if s.video == nil && s.audio == nil {
		return nil, errors.New("the input has neither video nor audio")
	}
	return s, nil
}

// read returns the next frame of the reader.
func (s *tsSource) read() (*media.Frame, error) {
	f, err := s.reader.Next()
	var foreign *ts.CodecError
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.As(err, &foreign):
		return nil, codecError(client.Kind(foreign.Kind), foreign.Codec)
	case errors.Is(err, ts.ErrEmpty):
		return nil, errors.New("the input has neither video nor audio")
	case err != nil:
		return nil, fmt.Errorf("read MPEG-TS: %w", err)
	case f.Track.Codec == media.H265:
		return nil, codecError(client.Video, "HEVC")
	}
	return f, nil
}

// readHead reads until the tracks that the tables name are described.
func (s *tsSource) readHead() error {
	pictures, settled := 0, false
	for len(s.queue) < headUnits {
		f, err := s.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		s.queue = append(s.queue, f)
		if f.Track.Kind == media.Audio {
			if s.audio == nil {
				s.audio = describe(f.Track)
			}
		} else {
			pictures++
			s.video = describe(f.Track)
			sps, err := h264.ParseSPS(f.Track.Params[0])
			settled = f.Track.Reorder || err == nil && sps.MaxReorder == 0 || pictures >= headPictures
		}
		video, audio, _ := s.reader.Promised()
		if (settled || !video) && (s.audio != nil || !audio) {
			break
		}
	}
	if name := s.reader.Foreign(media.Audio); name != "" {
		return codecError(client.Audio, name)
	}
	return nil
}

func (s *tsSource) tracks() (video, audio *client.Track) { return s.video, s.audio }

func (s *tsSource) next() (client.AccessUnit, error) {
	var f *media.Frame
	if len(s.queue) > 0 {
		f, s.queue = s.queue[0], s.queue[1:]
	} else {
		var err error
		if f, err = s.read(); err != nil {
			return client.AccessUnit{}, err
		}
	}
	u := client.AccessUnit{
		Kind: client.Kind(f.Track.Kind), DTS: time.Duration(f.DTS), PTS: time.Duration(f.PTS), Key: f.Key, Data: f.Data,
	}
	if u.Kind == client.Video {
		u.Data = byteStream(f)
	}
	return u, nil
}

func (s *tsSource) close() error { return s.shut() }
