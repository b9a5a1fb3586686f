package ts

import (
	"fmt"

	"github.com/asticode/go-astits"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// Access unit delimiters that fit any picture.
var (
	delimiter264 = []byte{0, 0, 0, 1, 0x09, 0xf0}
	delimiter265 = []byte{0, 0, 0, 1, 0x46, 0x01, 0x50}
)

var startCode = []byte{0, 0, 0, 1}

// payload is what stands in a frame's PES unit.
func (m *Muxer) payload(f *media.Frame) ([]byte, error) {
	switch f.Track.Codec {
	case media.AAC:
		b, err := aac.AppendADTS(make([]byte, 0, len(f.Data)+aac.ADTSHeaderSize), m.sound, len(f.Data))
		if err != nil {
			return nil, fmt.Errorf("write MPEG-TS: %w", err)
		}
		return append(b, f.Data...), nil
	case media.Opus:
		u := substructs.OpusAccessUnit{ControlHeader: substructs.OpusControlHeader{PayloadSize: len(f.Data)}, Packet: f.Data}
		b := make([]byte, u.MarshalSize())
		if _, err := u.MarshalTo(b); err != nil {
			return nil, fmt.Errorf("write MPEG-TS: %w", err)
		}
		return b, nil
	}
	b := make([]byte, 0, len(f.Data)+len(delimiter265)+h264.ParamsSize(f.Track.Params))
	if f.Track.Codec == media.H264 {
		b = append(b, delimiter264...)
	} else {
		b = append(b, delimiter265...)
	}
	if f.Key {
		for _, p := range f.Track.Params {
			b = append(append(b, startCode...), p...)
		}
	}
	for nal := range h264.NALs(f.Data) {
		b = append(append(b, startCode...), nal...)
	}
	return b, nil
}

// entry is what the PMT says about a track.
func entry(t *media.Track, pid uint16) astits.PMTElementaryStream {
	e := astits.PMTElementaryStream{ElementaryPID: pid}
	switch t.Codec {
	case media.H264:
		e.StreamType = astits.StreamTypeH264Video
	case media.H265:
		e.StreamType = astits.StreamTypeH265Video
	case media.AAC:
		e.StreamType = astits.StreamTypeAACAudio
	case media.Opus:
		e.StreamType = astits.StreamTypePrivateData
		channels := []byte{byte(t.Channels)}
		// The library leaves descriptors of length 0 out, and counts the others
		// itself.
		e.ElementaryStreamDescriptors = []*astits.Descriptor{
			{Length: 1, Tag: tagRegistration, Registration: &astits.DescriptorRegistration{FormatIdentifier: 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'}},
			{Length: 1, Tag: tagExtension, Extension: &astits.DescriptorExtension{Tag: tagOpus, Unknown: &channels}},
		}
	}
	return e
}
