package rtc

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"millrace/internal/codec/aac"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

const gcmProfile = srtp.ProtectionProfileAeadAes128Gcm

// tracks waits until the stream is announced, and returns its tracks.
func (st *studio) tracks() (video, audio *media.Track) {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(st.t.Context(), patience)
	defer cancel()
	r, err := st.hub.Subscribe(ctx, testName)
	must(st.t, err)
	defer r.Close()
	return r.Tracks()
}

// announced says whether the stream is.
func (st *studio) announced() bool {
	st.in.mu.Lock()
	defer st.in.mu.Unlock()
	return st.in.announced != [2]*media.Track{}
}

// Sound waits for the picture, for a while, and is in the log from the start.
func TestAnnounceSoundAlone(t *testing.T) {
	st := newStudio(t, ordinaryReception(), gcmProfile)
	for i := range uint16(90) {
		st.send(20*time.Millisecond, soundPacket(i, uint32(i)*960))
	}
	if st.announced() {
		t.Fatal("it is announced without its picture")
	}
	for i := range uint16(30) {
		st.send(20*time.Millisecond, soundPacket(90+i, uint32(90+i)*960))
	}
	if v, a := st.tracks(); v != nil || a == nil {
		t.Fatalf("%+v, %+v", v, a)
	}
	r, err := st.hub.Subscribe(t.Context(), testName)
	must(t, err)
	defer r.Close()
	if n := r.Packets().Head(); n != 120 || r.Packets().At(0) == nil {
		t.Fatalf("%d packets in the log", n)
	}
	st.send(0, videoPacket(1, 9000, keyPicture(t)))
	if v, a := st.tracks(); v == nil || a == nil || v.Width != 320 {
		t.Fatalf("%+v, %+v", v, a)
	}
}

// Other parameter sets are another track.
func TestAnnounceChange(t *testing.T) {
	st := newStudio(t, ordinaryReception(), gcmProfile)
	log := st.begin()
	before, audio := st.tracks()
	st.send(40*time.Millisecond, videoPacket(101, 12600, keyPicture(t)))
	if v, _ := st.tracks(); v != before {
		t.Fatal("the same parameter sets make another track")
	}
	src, err := encode("main", "2")
	must(t, err)
	b := []byte{24}
	for _, nal := range append(src.video.Params, slice(true)) {
		b = append(append(b, byte(len(nal)>>8), byte(len(nal))), nal...)
	}
	st.send(40*time.Millisecond, videoPacket(102, 16200, b))
	v, a := st.tracks()
	if v == before || a != audio || !v.Reorder || !bytes.Equal(v.Params[0], src.video.Params[0]) {
		t.Fatalf("%+v", v)
	}
	if pk := log.At(log.Head() - 1); !pk.Key || !pk.Start || log.NewestKey() != log.Head()-1 {
		t.Fatalf("%+v", pk)
	}
}

// The fragments of a key frame are all key, whatever comes first, and one of
// them starts it.
func TestKeyFrameInPieces(t *testing.T) {
	st := newStudio(t, ordinaryReception(), gcmProfile)
	log := st.begin()
	head := log.Head()
	piece := func(seq uint16, fu byte, marker bool) {
		p := videoPacket(seq, 12600, append([]byte{0x7c, fu}, make([]byte, 300)...))
		p.Marker = marker
		st.send(time.Millisecond, p)
	}
	piece(102, 0x05, false)
	piece(103, 0x45, true)
	piece(101, 0x85, false)
	starts := 0
	for pos := head; pos < log.Head(); pos++ {
		pk := log.At(pos)
		if !pk.Key || pk.Time != log.At(head).Time || pk.Marker != (pk.Seq == log.At(head+1).Seq) {
			t.Fatalf("%+v", pk)
		}
		if pk.Start {
			starts++
		}
	}
	if starts != 1 || log.NewestKey() != head || log.Head() != head+3 {
		t.Fatalf("%d starts, newest key frame at %d", starts, log.NewestKey())
	}
}

// The composition time and a plausible capture time are taken over.
func TestStamps(t *testing.T) {
	rec := ordinaryReception()
	rec.Video.BFrames, rec.Video.Ext.CompositionTime, rec.Video.Ext.AbsCaptureTime = true, 4, 6
	st := newStudio(t, rec, gcmProfile)
	log := st.begin()
	send := func(seq uint16, cts int32, capture int64) *media.Packet {
		p := videoPacket(seq, 9000+uint32(seq-100)*3600, slice(false))
		must(t, p.SetExtension(4, []byte{byte(cts >> 16), byte(cts >> 8), byte(cts)}))
		if capture != 0 {
			x, err := rtp.NewAbsCaptureTimeExtension(time.Unix(0, capture)).Marshal()
			must(t, err)
			must(t, p.SetExtension(6, x))
		}
		st.send(40*time.Millisecond, p)
		return log.At(log.Head() - 1)
	}
	if pk := send(101, 80, 0); pk.Composition != int64(80*time.Millisecond) {
		t.Fatalf("%+v", pk)
	}
	if pk := send(102, -40, 0); pk.Composition != -int64(40*time.Millisecond) {
		t.Fatalf("%+v", pk)
	}
	if v, _ := st.tracks(); !v.Reorder {
		t.Fatal("the track does not reorder")
	}
	made := st.at.unix - int64(100*time.Millisecond)
	if pk := send(103, 0, made); max(pk.Capture-made, made-pk.Capture) > int64(time.Millisecond) {
		t.Fatalf("captured at %d, not %d", pk.Capture, made)
	}
	// From then on it runs with the timestamps; what cannot be is not believed.
	if pk := send(104, 0, made-int64(time.Hour)); max(pk.Capture-made, made-pk.Capture) > int64(50*time.Millisecond) {
		t.Fatalf("captured at %d, %v after %d", pk.Capture, time.Duration(pk.Capture-made), made)
	}
}

// AAC comes as ADTS or as LATM, and is ADTS in the log.
func TestPublishedAAC(t *testing.T) {
	config, err := aac.ParseConfig(testAAC.Config)
	must(t, err)
	body := bytes.Repeat([]byte{0x21, 7}, 100)
	adts, err := aac.AppendADTS(nil, config, len(body))
	must(t, err)
	adts = append(adts, body...)
	latm := append(aac.AppendPayloadLength(nil, len(body)), body...)
	for framing, payload := range map[sdp.Framing][]byte{sdp.FramingADTS: adts, sdp.FramingLATM: latm} {
		rec := ordinaryReception()
		rec.Video = nil
		rec.Audio.Codec, rec.Audio.Framing, rec.Audio.ClockRate, rec.Audio.Config = media.AAC, framing, 44100, testAAC.Config
		st := newStudio(t, rec, gcmProfile)
		p := soundPacket(1, 0)
		p.Payload, p.Marker = payload, true
		st.send(0, p)
		_, a := st.tracks()
		if a == nil || a.Codec != media.AAC || a.SampleRate != 44100 || a.Channels != 2 || !bytes.Equal(a.Config, testAAC.Config) {
			t.Fatalf("framing %d: %+v", framing, a)
		}
		r, err := st.hub.Subscribe(t.Context(), testName)
		must(t, err)
		defer r.Close()
		if pk := r.Packets().At(0); !bytes.Equal(pk.Payload, adts) || !pk.Start || !pk.Marker {
			t.Fatalf("framing %d: %+v", framing, pk)
		}
	}
}

// Publishers count among the sessions that there may be, and a server that
// stops takes none in.
func TestPublishLimits(t *testing.T) {
	r := newRoom(t, Config{MaxSessions: 1})
	offer := &sdp.Offer{Ufrag: "remote", Pwd: "the remote password here"}
	publish := func(stream string) error {
		p, err := r.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: stream}, "rtc", "")
		must(t, err)
		if _, _, err = r.server.Publish(offer, ordinaryReception(), p); err != nil {
			p.Close(live.ReasonOf(err))
		}
		return err
	}
	must(t, publish("one")) // the server has its publisher now
	if err := publish("two"); err != ErrLimit {
		t.Fatalf("error %v", err)
	}
	r.stop()
	if err := publish("three"); err != live.ErrShutdown {
		t.Fatalf("error %v", err)
	}
}
