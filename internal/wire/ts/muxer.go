package ts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asticode/go-astits"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

const (
	// tablesEvery is how often tables are written, besides in front of key frames.
	tablesEvery = media.Time(500 * time.Millisecond)
	// clockEvery is how often the clock is, at least where there are frames (the
	// standard's limit is 100 ms).
	clockEvery = media.Time(35 * time.Millisecond)
	// ahead is how much earlier than its time a picture has to be there: room for
	// sound that comes behind it.
	ahead = 200 * Clock / 1000
	// begin is the timestamp of the base.
	begin = Clock
	// never switches the library's own repetition of tables off.
	never = 1 << 30
)

// PIDs of the tracks.
const (
	pidVideo = 0x100
	pidAudio = 0x101
)

// ErrTrack says that a track cannot be written.
var ErrTrack = errors.New("MPEG-TS does not carry this track")

// Carries says whether t, which may be nil, can be written.
func Carries(t *media.Track) bool {
	if t == nil {
		return false
	}
	switch t.Codec {
	case media.H264, media.H265:
		return len(t.Params) > 0
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err == nil {
			_, err = aac.AppendADTS(nil, c, 1)
		}
		return err == nil
	case media.Opus:
		return true
	}
	return false
}

// Muxer writes one program with a picture and a sound at most. One goroutine
// uses it. What it returns is whole packets.
type Muxer struct {
	out    bytes.Buffer
	mux    *astits.Muxer
	tracks [2]*media.Track
	sound  aac.Config

	due    bool       // tables go before the next frame
	tabled media.Time // when they were written last
	ticked media.Time // when the clock was
}

// NewMuxer returns a Muxer without tracks.
func NewMuxer() *Muxer {
	m := &Muxer{due: true}
	m.mux = astits.NewMuxer(context.Background(), &m.out, astits.MuxerOptTablesRetransmitPeriod(never))
	return m
}

func pidOf(k media.Kind) uint16 {
	if k == media.Video {
		return pidVideo
	}
	return pidAudio
}

// Set makes t the track of its kind; the next frame begins with tables that say
// so. It fails with ErrTrack.
func (m *Muxer) Set(t *media.Track) error {
	if !Carries(t) {
		return fmt.Errorf("%w: %s", ErrTrack, t.Codec)
	}
	if t.Codec == media.AAC {
		m.sound, _ = aac.ParseConfig(t.Config) // Carries has read it
	}
	old := m.tracks[t.Kind]
	m.tracks[t.Kind] = t
	if old != nil && old.Codec == t.Codec && old.Channels == t.Channels {
		return nil // the tables say nothing more
	}
	m.due = true
	pid := pidOf(t.Kind)
	if old != nil {
		if err := m.mux.RemoveElementaryStream(pid); err != nil {
			return fmt.Errorf("write MPEG-TS: %w", err)
		}
	}
	if err := m.mux.AddElementaryStream(entry(t, pid)); err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	m.mux.SetPCRPID(pidOf(m.leading()))
	return nil
}

// leading is the kind whose packets carry the clock.
func (m *Muxer) leading() media.Kind {
	if m.tracks[media.Video] != nil {
		return media.Video
	}
	return media.Audio
}

// Frame returns the packets of f, whose track must have been Set. base is the
// point of f's scale that is one second in MPEG-TS. The caller owns the result.
func (m *Muxer) Frame(f *media.Frame, base media.Time) ([]byte, error) {
	kind := f.Track.Kind
	if m.tracks[kind] == nil || m.tracks[kind].Codec != f.Track.Codec {
		return nil, fmt.Errorf("%w: %s that was not set", ErrTrack, f.Track.Codec)
	}
	body, err := m.payload(f)
	if err != nil {
		return nil, err
	}
	m.out = *bytes.NewBuffer(make([]byte, 0, (len(body)/(PacketSize-4)+5)*PacketSize))
	key := kind == media.Video && f.Key
	if m.due || key || f.DTS-m.tabled >= tablesEvery || f.DTS < m.tabled {
		m.due, m.tabled = false, f.DTS
		if !key { // the library does in front of a key frame
			if _, err := m.mux.WriteTables(); err != nil {
				return nil, fmt.Errorf("write MPEG-TS: %w", err)
			}
		}
	}
	if _, err := m.mux.WriteData(&astits.MuxerData{
		PID: pidOf(kind), AdaptationField: m.field(f, key, base),
		PES: &astits.PESData{Header: header(f, base), Data: body},
	}); err != nil {
		return nil, fmt.Errorf("write MPEG-TS: %w", err)
	}
	return m.out.Bytes(), nil
}

// field is the adaptation field in front of a frame, or nil. Sound can be
// started with anywhere; it does not say so, since tables would go with it.
func (m *Muxer) field(f *media.Frame, key bool, base media.Time) *astits.PacketAdaptationField {
	kind := f.Track.Kind
	clocked := kind == m.leading() && (key || f.DTS-m.ticked >= clockEvery || f.DTS < m.ticked)
	if !clocked && !key {
		return nil
	}
	a := &astits.PacketAdaptationField{RandomAccessIndicator: key}
	if clocked {
		m.ticked = f.DTS
		a.HasPCR, a.PCR = true, stamp(ticks(f.DTS, base)-ahead)
	}
	return a
}

// header is that of f's PES unit.
func header(f *media.Frame, base media.Time) *astits.PESHeader {
	h := &astits.PESHeader{StreamID: streamVideo, OptionalHeader: &astits.PESOptionalHeader{
		MarkerBits: 2, DataAlignmentIndicator: true,
		PTSDTSIndicator: astits.PTSDTSIndicatorOnlyPTS, PTS: stamp(ticks(f.PTS, base)),
	}}
	switch {
	case f.Track.Codec == media.Opus:
		h.StreamID = streamPrivate
	case f.Track.Kind == media.Audio:
		h.StreamID = streamAudio
	case f.PTS != f.DTS:
		h.OptionalHeader.PTSDTSIndicator = astits.PTSDTSIndicatorBothPresent
		h.OptionalHeader.DTS = stamp(ticks(f.DTS, base))
	}
	return h
}

// Stream ids of PES units (table 2-22).
const (
	streamVideo   = 0xe0
	streamAudio   = 0xc0
	streamPrivate = 0xbd
)

func ticks(t, base media.Time) int64 { return (t - base).Units(Clock) + begin }

func stamp(ticks int64) *astits.ClockReference {
	return &astits.ClockReference{Base: ticks & (1<<stampBits - 1)}
}
