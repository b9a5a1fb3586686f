package carry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"millrace/client"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// flvSource reads FLV.
type flvSource struct {
	reader       *flv.Reader
	shut         func() error
	video, audio *client.Track
}

func openFLV(b *bufio.Reader, shut func() error) (source, error) {
	head, _ := b.Peek(sniffed) // a short file is all there is
	if err := foreignFLV(head); err != nil {
		return nil, err
	}
	s := &flvSource{reader: flv.NewReader(b), shut: shut}
	video, audio, err := s.reader.Open()
	if err != nil {
		return nil, fmt.Errorf("read FLV: %w", err)
	}
	s.video, s.audio = describe(video), describe(audio)
	return s, nil
}

// Sizes of an FLV file's parts (FLV 10.1 annex E).
const (
	flvHeader  = 9 + 4
	flvTag     = 11
	flvTrailer = 4
)

// foreignFLV looks for tags of codecs that the reader would pass over.
func foreignFLV(b []byte) error {
	if len(b) < flvHeader {
		return nil
	}
	for b = b[flvHeader:]; len(b) >= flvTag; {
		size := int(binary.BigEndian.Uint32(b[0:4]) & 0xffffff)
		body := b[flvTag:min(len(b), flvTag+size)]
		var err error
		switch b[0] {
		case 9:
			_, err = flv.ParseVideo(nil, body)
		case 8:
			_, err = flv.ParseAudio(nil, body)
		}
		var codec *flv.CodecError
		if errors.As(err, &codec) {
			return codecError(client.Kind(codec.Kind), codec.Codec)
		}
		b = b[min(len(b), flvTag+size+flvTrailer):]
	}
	return nil
}

func (s *flvSource) tracks() (video, audio *client.Track) { return s.video, s.audio }

func (s *flvSource) next() (client.AccessUnit, error) {
	f, err := s.reader.Next()
	if err != nil {
		return client.AccessUnit{}, err
	}
	u := client.AccessUnit{
		Kind: client.Kind(f.Track.Kind), DTS: time.Duration(f.DTS), PTS: time.Duration(f.PTS), Key: f.Key, Data: f.Data,
	}
	if f.Track.Codec == media.H264 {
		u.Data = byteStream(f)
	}
	return u, nil
}

func (s *flvSource) close() error { return s.shut() }
