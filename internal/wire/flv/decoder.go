package flv

import (
	"millrace/internal/media"
	"millrace/internal/timeline"
)

// Decoder makes frames of the bodies of tags, which RTMP messages have as well.
// Of several tracks of a kind it takes the first. The zero value is ready. One
// goroutine uses it.
type Decoder struct {
	clock timeline.Unroller
	video VideoTrack
	audio AudioTrack
	parts []Body // scratch
	said  Scripts
}

// Frame returns the frame in a body of the given type of tag (8, 9 or 18), or nil
// when it holds none; other types and codecs are passed over. It takes the body
// over. Times are on the source's scale, with what wraps around unrolled. Pictures
// have the Scripts that came before them, or sound where there is no picture.
func (d *Decoder) Frame(kind byte, timestamp uint32, body []byte) (*media.Frame, error) {
	var err error
	switch kind {
	case tagVideo:
		d.parts, err = ParseVideo(d.parts[:0], body)
	case tagAudio:
		d.parts, err = ParseAudio(d.parts[:0], body)
	case tagScript:
		_ = d.said.Take(body) // what makes no sense says nothing
		return nil, nil
	default:
		return nil, nil
	}
	if err != nil {
		return nil, nil //nolint:nilerr // of another codec
	}
	d.clock.Bits = 32
	at := media.Time(d.clock.Place(int64(timestamp))) * 1e6
	for _, part := range d.parts {
		if part.Track != 0 {
			continue
		}
		var f *media.Frame
		if kind == tagVideo {
			f, err = d.video.Frame(part)
		} else {
			f, err = d.audio.Frame(part)
		}
		if f != nil {
			d.place(f, at)
		}
		return f, err
	}
	return nil, nil
}

// place puts a frame onto the source's scale, and gives it what was said before it.
func (d *Decoder) place(f *media.Frame, at media.Time) {
	f.DTS += at
	f.PTS += at
	if f.Track.Kind == media.Video || d.video.Track() == nil {
		f.Scripts = d.said.Next()
	}
}

// Description is what was said of the stream besides its tracks, and whether that
// is new since the last call.
func (d *Decoder) Description() (about media.Metadata, changed bool) { return d.said.Description() }

// Promised says which kinds of tracks onMetaData has named; known is false where
// it has named none.
func (d *Decoder) Promised() (video, audio, known bool) { return d.said.Promised() }

// Tracks returns the tracks as described last; nil for those not seen yet.
func (d *Decoder) Tracks() (video, audio *media.Track) { return d.video.Track(), d.audio.Track() }
