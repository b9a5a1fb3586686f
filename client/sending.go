package client

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/wire/rtp"
)

// What waits to be sent: about a second of each. A publisher that is ahead of
// its link waits in Write.
const (
	queuedVideo = 32
	queuedAudio = 64
)

// sending is a publisher's one connection, from its offer to its end.
type sending struct {
	peer         *peer
	video, audio *outTrack
	latm         bool
	count        *counters
	ask          func() // for a key frame
	units        [2]chan *media.Frame
	clock        reportClock
	wide         atomic.Uint32
	roundTrip    atomic.Int64 // ns
}

// newSending connects.
func newSending(ctx context.Context, x *exchange, video, audio *media.Track, latm bool, c *counters, ask func()) (*sending, error) {
	engine, err := offerPublish(video, audio, latm)
	if err != nil {
		return nil, err
	}
	s := &sending{latm: latm, count: c, ask: ask}
	s.units = [2]chan *media.Frame{make(chan *media.Frame, queuedVideo), make(chan *media.Frame, queuedAudio)}
	if audio != nil {
		f, err := publishFormat(audio, latm)
		if err != nil {
			return nil, err
		}
		s.audio = newOutTrack(webrtc.RTPCodecTypeAudio, f.mime, f.rate, &s.wide, c)
	}
	if video != nil {
		s.video = newOutTrack(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeH264, 90000, &s.wide, c)
	}
	if s.peer, err = newPeer(x, engine, &interceptor.Registry{}); err != nil {
		return nil, err
	}
	for _, t := range s.tracks() {
		_, err := s.peer.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			s.peer.close(ctx)
			return nil, err
		}
	}
	if err := s.peer.establish(ctx, s.check(audio)); err != nil {
		s.peer.close(ctx)
		return nil, err
	}
	return s, nil
}

// tracks are those that are sent, sound first as browsers have it.
func (s *sending) tracks() []*outTrack {
	var all []*outTrack
	for _, t := range []*outTrack{s.audio, s.video} {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

// check wants every track taken.
func (s *sending) check(audio *media.Track) func(string) error {
	return func(text string) error {
		a, err := readAnswer(text)
		switch {
		case err != nil:
			return err
		case s.video != nil && !a.media[media.Video].on:
			return &TrackError{Video, H264, "the server takes none"}
		case s.audio != nil && !a.media[media.Audio].on:
			return &TrackError{Audio, trackOf(audio).Codec, "the server takes none"}
		}
		return nil
	}
}

// serve sends until the transport or ctx ends.
func (s *sending) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	for _, t := range s.tracks() {
		all.Go(func() { s.sendTrack(ctx, t) })
		all.Go(func() { s.listen(t) })
	}
	all.Go(func() { s.report(ctx) })
	var err error
	select {
	case <-s.peer.down:
		err = s.peer.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	cancel()
	s.peer.close(ctx) // ends listen
	all.Wait()
	return err
}

// sendTrack sends what is written to one track. Sound has a goroutine of its
// own, so that it does not wait for the pieces of a large picture.
func (s *sending) sendTrack(ctx context.Context, t *outTrack) {
	packetizer, pace := rtp.New(), newPacer()
	units := s.units[media.Video]
	if t == s.audio {
		units = s.units[media.Audio]
	}
	for {
		select {
		case f := <-units:
			packets := packetizer.Packetize(f)
			if s.latm && f.Track.Codec == media.AAC {
				packets = latmPackets(f)
			}
			if s.clock.anchor(f.DTS, time.Now()) {
				s.sendReports()
			}
			for i := range packets {
				if t == s.video && !pace.wait(ctx, len(packets[i].Payload), i == 0) {
					return
				}
				// A packet that cannot be sent is lost on the way: the server
				// asks for it again, or the transport has ended.
				_ = t.send(&packets[i], i == 0)
			}
		case <-ctx.Done():
			return
		}
	}
}

// latmPackets cuts an AudioMuxElement with its configuration out of band
// (RFC 6416 section 6): the length, then the access unit.
func latmPackets(f *media.Frame) []media.Packet {
	whole := aac.AppendPayloadLength(make([]byte, 0, len(f.Data)+8), len(f.Data))
	whole = append(whole, f.Data...)
	var out []media.Packet
	for len(whole) > 0 {
		n := min(rtp.MaxPayload, len(whole))
		out = append(out, media.Packet{Time: f.DTS, Capture: f.Capture, Payload: whole[:n:n], Marker: n == len(whole)})
		whole = whole[n:]
	}
	return out
}
