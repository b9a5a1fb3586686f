package ts

import (
	"errors"
	"io"
	"maps"
	"slices"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
)

// maxComposition bounds PTS - DTS; larger ones are mistakes.
const maxComposition = 10 * Clock

// Reader reads MPEG-TS from a source that may be broken in any way. The first
// picture and the first sound of the first program are read. One goroutine uses
// it.
type Reader struct {
	// OnDrop is told what was passed over: bytes without a packet in them and
	// units that make no sense (protocol), what did not come (lost), and
	// pictures that cannot be decoded without it (skip_key_wait). It may be nil.
	OnDrop func(why reason.Reason)

	in      *aligner
	pat     section
	pmt     section
	pmtPID  uint16
	program []elementary
	streams map[uint16]*stream
	clock   timeline.Unroller
	queue   []*media.Frame
	unfit   error // the program cannot be carried
}

// CodecError says that a program's pictures, or all of it, are in a codec that
// is not carried.
type CodecError struct {
	Kind  media.Kind
	Codec string
}

func (e *CodecError) Error() string {
	return "the " + e.Kind.String() + " is " + e.Codec + ", which is not carried"
}

// ErrEmpty says that a program has neither sound nor pictures.
var ErrEmpty = errors.New("the program has neither sound nor pictures")

// stream is one PID that is carried.
type stream struct {
	about   elementary
	pes     pes
	picture picture
	sound   sound
	waiting bool // for a key frame
}

// NewReader returns a Reader of r, which it reads ahead.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: newAligner(r), pmtPID: pidNull, streams: map[uint16]*stream{}, clock: timeline.Unroller{Bits: stampBits}}
}

// Next returns the next frame, in the order of the source: sound and pictures
// each in decode order. Times are the source's own, with what wraps around
// unrolled; a source whose clock jumps takes them along. Track changes where
// the source says so in band. Pictures begin at a key frame, and after a loss
// again. It fails as the source does, with io.EOF at its end, with a *CodecError
// where the pictures, or all that there is, are in a codec that is not carried, and
// with ErrEmpty. Sound of such a codec is left out beside pictures; see Foreign.
func (r *Reader) Next() (*media.Frame, error) {
	for len(r.queue) == 0 {
		b, err := r.in.next()
		if r.in.skipped > 0 {
			r.drop(reason.Protocol)
		}
		if err != nil {
			r.flush()
			if len(r.queue) > 0 {
				break // the error comes again
			}
			return nil, err
		}
		r.packet(b)
		if err := r.unfit; err != nil {
			return nil, err
		}
	}
	f := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return f, nil
}

// Promised says which kinds of tracks the source's tables name; known is false
// until there were any.
func (r *Reader) Promised() (video, audio, known bool) {
	for _, s := range r.streams {
		video = video || s.about.kind == media.Video
		audio = audio || s.about.kind == media.Audio
	}
	return video, audio, r.program != nil
}

// Foreign returns the codec of a kind that the source has and that is not
// carried, where it has none that is; else "".
func (r *Reader) Foreign(k media.Kind) string {
	name := ""
	for _, e := range r.program {
		if e.kind != k || e.name == "" && e.codec == 0 {
			continue
		}
		if e.codec != 0 {
			return ""
		}
		if name == "" {
			name = e.name
		}
	}
	return name
}

// Unknown says whether the source has streams of which its tables do not say
// that they are sound or pictures: private data, as a rule.
func (r *Reader) Unknown() bool {
	return slices.ContainsFunc(r.program, func(e elementary) bool { return e.codec == 0 && e.name == "" })
}

func (r *Reader) drop(why reason.Reason) {
	if r.OnDrop != nil {
		r.OnDrop(why)
	}
}

func (r *Reader) packet(b []byte) {
	p, ok := parsePacket(b)
	if !ok {
		r.drop(reason.Protocol)
		return
	}
	switch {
	case p.pid == pidPAT:
		if table, ok := r.pat.push(p, tablePAT); ok {
			if pid, ok := parsePAT(table); ok && pid != r.pmtPID {
				r.pmtPID, r.pmt = pid, section{}
			}
		}
	case p.pid == r.pmtPID && p.pid != pidNull:
		if table, ok := r.pmt.push(p, tablePMT); ok {
			r.choose(parsePMT(table))
		}
	default:
		if s := r.streams[p.pid]; s != nil {
			s.pes.push(p)
		}
	}
}

// choose takes the first track of each kind that is carried. One that stays
// goes on as it was.
func (r *Reader) choose(all []elementary) {
	old := r.streams
	r.program, r.streams = all, map[uint16]*stream{}
	var have [2]bool
	for _, e := range all {
		if e.codec == 0 || have[e.kind] || e.pid == pidNull {
			continue
		}
		have[e.kind] = true
		if s := old[e.pid]; s != nil && s.about == e {
			r.streams[e.pid] = s
			continue
		}
		r.streams[e.pid] = r.open(e)
	}
	r.unfit = r.misfit()
}

// misfit says why nothing can be made of the program.
func (r *Reader) misfit() error {
	if name := r.Foreign(media.Video); name != "" {
		return &CodecError{media.Video, name}
	}
	if len(r.streams) > 0 {
		return nil
	}
	if name := r.Foreign(media.Audio); name != "" {
		return &CodecError{media.Audio, name}
	}
	return ErrEmpty
}

func (r *Reader) open(e elementary) *stream {
	s := &stream{
		about: e, waiting: e.kind == media.Video,
		picture: picture{codec: e.codec},
		sound:   sound{codec: e.codec, latm: e.latm, channels: e.channels},
	}
	s.pes = pes{counter: -1, done: func(unit []byte) { r.unit(s, unit) }, lose: func() {
		r.drop(reason.Lost)
		s.waiting = s.about.kind == media.Video
		s.sound.lose()
	}}
	return s
}

// flush takes what is open at the end of the source.
func (r *Reader) flush() {
	for _, pid := range slices.Sorted(maps.Keys(r.streams)) {
		r.streams[pid].pes.flush()
	}
}

// unit makes frames of one PES unit.
func (r *Reader) unit(s *stream, b []byte) {
	u, ok := parsePES(b)
	if !ok {
		r.drop(reason.Protocol)
		return
	}
	dts := r.clock.Place(u.dts)
	pts := r.clock.Near(dts, u.pts)
	if pts < dts || pts > dts+maxComposition {
		pts = dts
	}
	if s.about.kind == media.Audio {
		if s.sound.frames(u.body, toTime(pts), func(f *media.Frame) { r.queue = append(r.queue, f) }) {
			r.drop(reason.Protocol)
		}
		return
	}
	f := s.picture.frame(u.body, pts != dts)
	if f == nil {
		return
	}
	if s.waiting && !f.Key {
		r.drop(reason.SkipKeyWait)
		return
	}
	s.waiting = false
	f.DTS, f.PTS = toTime(dts), toTime(pts)
	r.queue = append(r.queue, f)
}
