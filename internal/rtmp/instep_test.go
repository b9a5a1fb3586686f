package rtmp

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/pair"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// tracks is a publisher of two tracks of each kind.
type tracks struct {
	t  *testing.T
	in *ingest
}

// begin publishes two tracks of each kind to a hub that makes pairs of them.
func begin(t *testing.T) (*live.Hub, live.Name, tracks) {
	t.Helper()
	hub := live.NewHub(live.Options{})
	hub.AddSupplier(pair.NewSupplier(hub, slog.New(slog.DiscardHandler)))
	name := live.Name{Domain: "d", App: "live", Stream: "s"}
	p, err := hub.Publish(name, "test", "")
	must(t, err)
	s := tracks{t, newIngest(p, NewMetrics(prometheus.NewRegistry()), func() {})}
	s.configure(small, 0)
	s.configure(stereo, 0)
	s.configure(large, 1)
	s.configure(stereo, 1)
	return hub, name, s
}

// configure sends the parameters of a track.
func (s tracks) configure(tr *media.Track, number byte) {
	s.t.Helper()
	tag, err := flv.AppendConfig(nil, tr, 0)
	must(s.t, err)
	body := tag[tagHead : len(tag)-4]
	head := 5
	if tr.Kind == media.Audio {
		head = 2
	}
	s.send(tr.Kind, 0, number, 0, 0, body[head:])
}

// send sends a packet of a track, by the enhanced form, which comes at once.
func (s tracks) send(kind media.Kind, at time.Duration, number, packet, composition byte, data []byte) {
	s.t.Helper()
	m := rtmpchunk.Message{Type: rtmpchunk.TypeVideo, Timestamp: uint32(at.Milliseconds())}
	if kind == media.Video {
		m.Body = append([]byte{0x96, packet}, "avc1"...)
		m.Body = append(m.Body, number)
		if packet == 1 {
			m.Body = append(m.Body, 0, 0, composition)
		}
	} else {
		m.Type = rtmpchunk.TypeAudio
		m.Body = append([]byte{0x95, packet}, "mp4a"...)
		m.Body = append(m.Body, number)
	}
	m.Body = append(m.Body, data...)
	must(s.t, s.in.message(m, time.Now()))
}

// What is said among the first pictures goes to who plays others, once, and describes
// their stream.
func TestFurtherTracksAreDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, name, s := begin(t)
		defer hub.Close()
		defer s.in.close(reason.ClosedByPeer)
		nal := append([]byte{0, 0, 0, byte(len(idr))}, idr...)
		round := func() {
			for number := range byte(2) {
				s.send(media.Video, 0, number, 1, 0, nal)
				s.send(media.Audio, 0, number, 1, 0, []byte{1})
			}
		}
		round()
		readers := map[string]*live.Reader{}
		for _, name.Track = range []string{"video1", "audio1", "video1,audio1"} {
			r, err := hub.Subscribe(t.Context(), name)
			must(t, err)
			defer r.Close()
			_, err = r.Next(t.Context()) // it stands at the beginning now
			must(t, err)
			readers[name.Track] = r
		}
		body, err := amf0.Data{"onMetaData", amf0.Object{{Key: "place", Value: "quay"}}}.Marshal()
		must(t, err)
		must(t, s.in.message(rtmpchunk.Message{Type: rtmpchunk.TypeDataAMF0, Body: body}, time.Now()))
		round()
		round()
		synctest.Wait()
		for track, r := range readers {
			pictures, scripts := 0, 0
			for pictures < 2 || scripts < 1 {
				f, err := r.Next(t.Context())
				must(t, err)
				if f.Track.Kind == media.Video {
					pictures++
				}
				scripts += len(f.Scripts)
			}
			if about := r.Description(); scripts != 1 || !bytes.Contains(about.Members, []byte("quay")) {
				t.Errorf("%s: %d data messages; described by %q", track, scripts, about.Members)
			}
		}
	})
}

// Of a publisher whose first pictures are decoded ahead of their time, and whose
// others are not, the others are in step with the other sound: as exactly as they
// were sent, also where the publisher's clock starts again.
func TestFurtherTracksAreInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, name, s := begin(t)
		defer hub.Close()
		defer s.in.close(reason.ClosedByPeer)
		const step, shown = 40 * time.Millisecond, 80 // ms that pictures of the first track are shown later
		sent := 0
		send := func(at time.Duration) {
			sent++
			nal := slices.Concat([]byte{0, 0, 0, byte(len(idr) + 1)}, idr, []byte{byte(sent)})
			if sent > 1 { // a reader begins at the first
				nal = slices.Concat([]byte{0, 0, 0, byte(len(pic) + 1)}, pic, []byte{byte(sent)})
			}
			s.send(media.Video, at, 0, 1, shown, nal)
			s.send(media.Audio, at, 0, 1, 0, []byte{byte(sent)})
			s.send(media.Video, at, 1, 1, 0, nal)
			s.send(media.Audio, at, 1, 1, 0, []byte{byte(sent)})
			<-time.After(step)
		}
		began := 5 * time.Hour
		for i := range 10 {
			send(began + time.Duration(i)*step)
		}
		name.Track = "video1,audio1"
		r, err := hub.Subscribe(t.Context(), name)
		must(t, err)
		defer r.Close()
		for part, base := range []time.Duration{began + 10*step, 0, 20 * time.Second, 12 * time.Second} {
			for i := range 50 {
				send(base + time.Duration(i)*step)
			}
			synctest.Wait()
			var last [2]*media.Frame
			for seen := 0; seen < 2; {
				f, err := r.Next(t.Context())
				must(t, err)
				last[f.Track.Kind] = f
				if f.Data[len(f.Data)-1] == byte(sent) {
					seen++
				}
			}
			v, a := last[media.Video], last[media.Audio]
			if v.Track.Width != large.Width {
				t.Fatalf("a picture of %+v", v.Track)
			}
			if v.PTS != a.PTS {
				t.Errorf("part %d: pictures are %v behind sound", part, v.PTS.Sub(a.PTS))
			}
			// The first pictures tell that all is sent that much later than captured.
			if ago, want := time.Duration(time.Now().UnixNano()-v.Capture), step+shown*time.Millisecond; ago != want {
				t.Errorf("part %d: the picture that came last was captured %v ago, want %v", part, ago, want)
			}
		}
	})
}
