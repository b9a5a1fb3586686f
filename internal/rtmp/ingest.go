package rtmp

import (
	"fmt"
	"time"

	"millrace/internal/intake"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// maxBroken is how many video messages in a row may be unreadable.
const maxBroken = 50

// ingest turns a publisher's messages into frames on the hub.
type ingest struct {
	*intake.Intake
	publisher *live.Publisher
	metrics   *Metrics

	clock   timeline.Unroller
	capture live.CaptureClock // of all tracks
	latest  [2]media.Time     // raw decode times of the first tracks
	video   flv.VideoTrack
	audio   flv.AudioTrack
	further further
	wake    func() // somebody begins to read what is published
	scripts flv.Scripts
	parts   []flv.Body // scratch
	broken  int        // unreadable video messages in a row
}

// newIngest returns one whose streams call wake as live.Publisher.OnReader says.
func newIngest(p *live.Publisher, m *Metrics, wake func()) *ingest {
	p.OnReader(wake)
	return &ingest{Intake: intake.New(p, m.drop), publisher: p, metrics: m, wake: wake, clock: timeline.Unroller{Bits: 32}}
}

// unread says whether nobody reads any of what is published.
func (in *ingest) unread() bool { return !in.publisher.HasReaders() && in.further.unread() }

// close ends what is published.
func (in *ingest) close(why reason.Reason) {
	in.publisher.Close(why)
	in.further.close(why)
}

// message takes one message of audio, video or data, whose body it takes over.
// The error ends the session.
func (in *ingest) message(m rtmpchunk.Message, now time.Time) error {
	var err error
	kind := media.Video
	switch m.Type {
	case rtmpchunk.TypeVideo:
		in.parts, err = flv.ParseVideo(in.parts[:0], m.Body)
	case rtmpchunk.TypeAudio:
		kind = media.Audio
		in.parts, err = flv.ParseAudio(in.parts[:0], m.Body)
	default:
		in.data(m)
		return nil
	}
	if err != nil {
		return &ending{codePublishFailed, reason.Codec, err}
	}
	for _, part := range in.parts {
		switch {
		case part.Kind == flv.BodyPassed:
			in.Drop(reason.UnsupportedMsg)
		case part.Kind == flv.BodyEmpty:
		case part.Track != 0:
			in.takeFurther(kind, part, m.Timestamp, now)
		default:
			err = in.take(kind, part, m.Timestamp, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take takes what a message holds of a first track.
func (in *ingest) take(kind media.Kind, part flv.Body, timestamp uint32, now time.Time) error {
	f, err := in.frame(kind, part)
	if err != nil && (part.Kind == flv.BodyConfig || in.broken >= maxBroken) {
		return &ending{codePublishFailed, reason.Protocol, fmt.Errorf("read %s: %w", kind, err)}
	}
	if part.Kind == flv.BodyConfig {
		in.Know(in.track(kind))
		in.further.know(in.track(kind))
		return nil
	}
	if f == nil {
		return nil
	}
	in.place(f, timestamp)
	if kind == media.Video || in.video.Track() == nil { // sound may be converted
		f.Scripts = in.scripts.Next()
	}
	if kind == media.Video {
		in.further.say(f.Scripts)
	}
	in.date(f, &in.latest[kind], now)
	in.share(f, now)
	return in.Write(f, now)
}

// frame is the frame in a part of a first track. What cannot be read is counted.
func (in *ingest) frame(kind media.Kind, part flv.Body) (*media.Frame, error) {
	if kind == media.Audio {
		f, err := in.audio.Frame(part)
		if f == nil && part.Kind == flv.BodyMedia {
			in.Drop(reason.UnsupportedMsg)
		}
		return f, err
	}
	f, err := in.video.Frame(part)
	switch {
	case part.Kind != flv.BodyMedia:
	case err != nil:
		in.Drop(reason.Protocol)
		in.broken++
	default:
		in.broken = 0
	}
	return f, err
}

// track is the first one of a kind; nil before it is known.
func (in *ingest) track(kind media.Kind) *media.Track {
	if kind == media.Audio {
		return in.audio.Track()
	}
	return in.video.Track()
}

// place puts a frame onto the publisher's scale, without what wraps around.
func (in *ingest) place(f *media.Frame, timestamp uint32) {
	at := media.Time(in.clock.Place(int64(timestamp))) * 1e6
	f.DTS += at
	f.PTS += at
}

// setBack is how far a track's times may go back before capture times are told
// anew: as far as they are held, not taken for those of another clock.
const setBack = media.Time(time.Second)

// date says when a frame was captured, where there are further tracks. Streams that
// tell it by themselves do so by what each holds, pictures that are sent ahead of
// their time or not, and tracks of two of them would not be in step. latest is
// where the frame's track stood; a publisher that starts again does so track by track.
func (in *ingest) date(f *media.Frame, latest *media.Time, now time.Time) {
	if f.DTS < *latest-setBack {
		in.capture = live.CaptureClock{}
	}
	*latest = f.DTS
	offset := in.capture.Estimate(f.PTS, media.Nanos(now))
	if in.further.count > 0 {
		f.Capture = int64(f.PTS) + offset
	}
}

// data takes a data message. onMetaData tells of the stream; others go on to
// players in their place among the frames.
func (in *ingest) data(m rtmpchunk.Message) {
	if why := in.scripts.Take(scriptOf(m)); why != "" {
		in.Drop(why)
	}
	if about, changed := in.scripts.Description(); changed {
		in.publisher.Describe(about)
		in.further.describe(about)
		in.Expect(in.scripts.Promised())
	}
}
