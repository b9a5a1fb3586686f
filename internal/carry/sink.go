package carry

import (
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"millrace/client"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
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

// tsStart is the time of the first unit in MPEG-TS, in ticks: the clock
// reference runs before it.
const tsStart = tsClock

// firstPID is that of the first track, the least that is free for use.
const firstPID = 256

// tsSink writes MPEG-TS.
type tsSink struct {
	out    oneWrite
	mux    mpegts.Writer
	tracks [2]*mpegts.Track
	codecs [2]client.Codec // that the tables name
	base   media.Time
}

// oneWrite collects what belongs to one access unit.
type oneWrite struct {
	w io.Writer
	b []byte
}

func (o *oneWrite) Write(b []byte) (int, error) {
	o.b = append(o.b, b...)
	return len(b), nil
}

func (o *oneWrite) flush() error {
	_, err := o.w.Write(o.b)
	o.b = o.b[:0]
	if err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	return nil
}

func newTSSink(w io.Writer, tracks []*client.Track, base media.Time) (*tsSink, error) {
	s := &tsSink{out: oneWrite{w: w}, base: base}
	for _, t := range tracks {
		if err := s.add(t); err != nil {
			return nil, err
		}
	}
	return s, s.begin()
}

// add makes a track one of those that the next tables name.
func (s *tsSink) add(t *client.Track) error {
	m := &mpegts.Track{}
	switch t.Codec {
	case client.H264:
		m.Codec = &codecs.H264{}
	case client.Opus:
		m.Codec = &codecs.Opus{ChannelCount: t.Channels}
	default:
		c := &codecs.MPEG4Audio{}
		var config mpeg4audio.AudioSpecificConfig
		if err := config.Unmarshal(t.Config); err != nil {
			return fmt.Errorf("write MPEG-TS: AAC: %w", err)
		}
		c.Config = config
		m.Codec = c
	}
	s.tracks[t.Kind], s.codecs[t.Kind] = m, t.Codec
	return nil
}

// begin makes tables of the tracks there are. What began earlier keeps its PID.
func (s *tsSink) begin() error {
	var pids uint16
	for _, m := range s.tracks {
		if m != nil {
			pids = max(pids, m.PID)
		}
	}
	s.mux = mpegts.Writer{W: &s.out}
	for _, m := range s.tracks {
		if m == nil {
			continue
		}
		if m.PID == 0 {
			pids = max(firstPID, pids+1)
			m.PID = pids
		}
		s.mux.Tracks = append(s.mux.Tracks, m)
	}
	if err := s.mux.Initialize(); err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	return nil
}

func (s *tsSink) write(u *client.AccessUnit) error {
	if s.tracks[u.Kind] == nil { // it begins late
		if err := s.add(u.Track); err != nil {
			return err
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	t := s.tracks[u.Kind]
	if now := u.Track; now != nil && now.Codec != s.codecs[u.Kind] {
		return fmt.Errorf("the %s changed from %s to %s, which MPEG-TS that has begun cannot take: play again, or use --format flv", u.Kind, s.codecs[u.Kind], now.Codec)
	}
	dts, pts := s.ticks(media.Time(u.DTS)), s.ticks(media.Time(u.PTS))
	var err error
	switch t.Codec.(type) {
	case *codecs.H264:
		if all := nals(u.Data); len(all) > 0 {
			err = s.mux.WriteH264(t, pts, dts, all)
		}
	case *codecs.Opus:
		err = s.mux.WriteOpus(t, pts, [][]byte{u.Data})
	default:
		err = s.mux.WriteMPEG4Audio(t, pts, [][]byte{u.Data})
	}
	if err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	return s.out.flush()
}

func (s *tsSink) ticks(at media.Time) int64 { return max(0, (at-s.base).Units(tsClock)) + tsStart }
