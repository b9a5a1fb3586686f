package carry

import (
	"fmt"
	"io"

	"millrace/client"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/ts"
)

// sink writes access units into a container, each with one call of Write.
type sink interface {
	write(u *client.AccessUnit) error
}

// newSink begins a container of a format, "flv" or "mpegts", with the tracks.
// base is the time that becomes 0.
func newSink(format string, w io.Writer, tracks []*client.Track, base media.Time) (sink, error) {
	if format == "mpegts" {
		return newTSSink(w, tracks, base)
	}
	return newFLVSink(w, tracks, base)
}

// flvSink writes FLV.
type flvSink struct {
	w      io.Writer
	base   media.Time
	tracks [2]*client.Track
	inside [2]*media.Track
}

func newFLVSink(w io.Writer, tracks []*client.Track, base media.Time) (*flvSink, error) {
	s := &flvSink{w: w, base: base}
	video, audio := track(pick(tracks, client.Video)), track(pick(tracks, client.Audio))
	b := flv.AppendMetadata(flv.AppendFileHeader(nil, video, audio), video, audio, 0)
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("write FLV: %w", err)
	}
	return s, nil
}

func (s *flvSink) write(u *client.AccessUnit) error {
	var b []byte
	if s.tracks[u.Kind] != u.Track {
		s.tracks[u.Kind], s.inside[u.Kind] = u.Track, track(u.Track)
		var err error
		if b, err = flv.AppendConfig(b, s.inside[u.Kind], flv.Timestamp(media.Time(u.DTS), s.base)); err != nil {
			return err
		}
	}
	tag, err := flv.Render(frame(u, s.inside[u.Kind]), s.base)
	if err != nil {
		return err
	}
	if _, err = s.w.Write(tag.Append(b)); err != nil {
		return fmt.Errorf("write FLV: %w", err)
	}
	return nil
}

// tsSink writes MPEG-TS.
type tsSink struct {
	w      io.Writer
	mux    *ts.Muxer
	tracks [2]*client.Track
	inside [2]*media.Track // that the tables name; nil: nothing of it has come
	base   media.Time
}

func newTSSink(w io.Writer, tracks []*client.Track, base media.Time) (*tsSink, error) {
	s := &tsSink{w: w, mux: ts.NewMuxer(), base: base}
	for _, t := range tracks {
		if err := s.add(t, nil); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add makes a track one of those that the next tables name. Pictures that are not
// described yet are by the first of them.
func (s *tsSink) add(t *client.Track, first []byte) error {
	inside := track(t)
	if inside.Codec == media.H264 && len(inside.Params) == 0 {
		var params [][]byte
		for _, n := range nals(first) {
			if k := h264.Type(n); k == h264.TypeSPS || k == h264.TypePPS {
				params = append(params, n)
			}
		}
		if inside.Params, _ = h264.MergeParams(nil, params); len(inside.Params) == 0 {
			return nil
		}
	}
	if err := s.mux.Set(inside); err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	s.tracks[t.Kind], s.inside[t.Kind] = t, inside
	return nil
}

func (s *tsSink) write(u *client.AccessUnit) error {
	if was, now := s.tracks[u.Kind], u.Track; now != nil && now != was { // it begins late, or changes
		if was != nil && now.Codec != was.Codec {
			return fmt.Errorf("the %s changed from %s to %s, which MPEG-TS that has begun cannot take: play again, or use --format flv", u.Kind, was.Codec, now.Codec)
		}
		if err := s.add(now, u.Data); err != nil {
			return err
		}
	}
	t := s.inside[u.Kind]
	if t == nil {
		return nil // pictures without parameter sets
	}
	f := frame(u, t)
	if len(f.Data) == 0 {
		return nil
	}
	b, err := s.mux.Frame(f, s.base)
	if err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	return nil
}
