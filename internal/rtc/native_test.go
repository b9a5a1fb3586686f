package rtc

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/sdp"
)

const uriComposition = "uri:webrtc:rtc:rtp-hdrext:video:CompositionTime"

// native registers what a client offers that decodes the original media.
func native(audio string) func(*webrtc.MediaEngine) error {
	return func(me *webrtc.MediaEngine) error {
		fb := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
		for _, c := range []struct {
			mime, fmtp string
			rate       uint32
			channels   uint16
			pt         webrtc.PayloadType
			kind       webrtc.RTPCodecType
		}{
			{"audio/" + audio, "", 44100, 2, 97, webrtc.RTPCodecTypeAudio},
			{webrtc.MimeTypeH264, "bframe-enabled=1;packetization-mode=1;profile-level-id=4d401f", 90000, 0, 102, webrtc.RTPCodecTypeVideo},
			{webrtc.MimeTypeRTX, "apt=102", 90000, 0, 103, webrtc.RTPCodecTypeVideo},
		} {
			p := webrtc.RTPCodecParameters{PayloadType: c.pt, RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: c.mime, ClockRate: c.rate, Channels: c.channels, SDPFmtpLine: c.fmtp,
			}}
			if c.pt == 102 {
				p.RTCPFeedback = fb
			}
			if err := me.RegisterCodec(p, c.kind); err != nil {
				return err
			}
		}
		return me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uriComposition}, webrtc.RTPCodecTypeVideo)
	}
}

// clip is real media with B-frames and AAC, made once.
type clip struct {
	video, audio *media.Track
	frames       []*media.Frame
}

var (
	encodeClip  = sync.OnceValues(func() (*clip, error) { return encode("main", "2") })
	encodePlain = sync.OnceValues(func() (*clip, error) { return encode("baseline", "0") })
)

func encode(profile, bframes string) (*clip, error) {
	cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "2", "-ac", "2", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", profile, "-pix_fmt", "yuv420p",
		"-bf", bframes, "-g", "25", "-x264-params", "scenecut=0:sliced-threads=0", "-b:v", "800k", "-c:a", "aac", "-f", "flv", "-")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	r := flv.NewReader(bytes.NewReader(out))
	c := &clip{}
	if c.video, c.audio, err = r.Open(); err != nil {
		return nil, err
	}
	for {
		f, err := r.Next()
		if err != nil {
			return c, nil // the end
		}
		c.frames = append(c.frames, f)
	}
}

// air publishes the clip over and over in real time, until the test ends.
func (r *room) air(c *clip) {
	r.t.Helper()
	p, err := r.hub.Publish(testName, "test", "")
	must(r.t, err)
	p.Announce(c.video, c.audio)
	stop, done := make(chan struct{}), make(chan struct{})
	length := c.frames[len(c.frames)-1].DTS - c.frames[0].DTS + media.Time(pictureEvery)
	go func() {
		defer close(done)
		began := time.Now()
		for i := 0; ; i++ {
			f := *c.frames[i%len(c.frames)]
			shift := media.Time(i/len(c.frames)) * length
			f.DTS, f.PTS, f.Arrived = f.DTS+shift, f.PTS+shift, 0
			select {
			case <-time.After(time.Until(began.Add(f.DTS.Sub(c.frames[0].DTS)))):
			case <-stop:
				return
			}
			if err := p.Write(&f); err != nil {
				return
			}
		}
	}()
	r.t.Cleanup(sync.OnceFunc(func() { close(stop); <-done }))
}

// annexB is what a decoder gets of a frame.
func annexB(f *media.Frame) []byte {
	var b []byte
	add := func(nal []byte) { b = append(append(b, 0, 0, 0, 1), nal...) }
	if f.Key {
		for _, p := range f.Track.Params {
			add(p)
		}
	}
	for d := f.Data; len(d) > 0; {
		n := int(d[0])<<24 | int(d[1])<<16 | int(d[2])<<8 | int(d[3])
		add(d[4 : 4+n])
		d = d[4+n:]
	}
	return b
}

// A native client gets the original: pictures in decode order with their
// composition times, and AAC as it came.
func TestNativeViewer(t *testing.T) {
	t.Parallel()
	src, err := encodeClip()
	must(t, err)
	if !src.video.Reorder {
		t.Fatal("the clip has no B-frames")
	}
	config, err := aac.ParseConfig(src.audio.Config)
	must(t, err)
	pictures, sounds := map[string]*media.Frame{}, map[string]bool{}
	for _, f := range src.frames {
		if f.Track.Kind == media.Video {
			pictures[string(annexB(f))] = f
		} else {
			sounds[string(f.Data)] = true
		}
	}
	for _, framing := range []string{"MP4A-ADTS", "MP4A-LATM"} {
		t.Run(framing, func(t *testing.T) {
			r := newRoom(t, Config{})
			r.air(src)
			c := r.watch(wish{codecs: native(framing)})
			cts := extensionIDOf(t, c, uriComposition)
			var video []received
			held, seconds, heard, reordered := false, 0, 0, 0
			var was *media.Frame
			var stamped uint32
			for seconds < 40 || heard < 60 {
				p := c.next()
				if p.kind == media.Audio {
					heard++
					checkAAC(t, framing, config, p.Payload, sounds)
					continue
				}
				video = append(video, p)
				if !p.Marker {
					continue
				}
				var stream []byte
				for _, n := range nals(t, video) {
					stream = append(append(stream, 0, 0, 0, 1), n...)
				}
				f := pictures[string(stream)]
				if f == nil {
					t.Fatalf("frame %d is none of the source's", seconds)
				}
				ms := video[0].GetExtension(cts)
				if want := (f.PTS - f.DTS).Millis(); len(ms) != 3 || int64(ms[0])<<16|int64(ms[1])<<8|int64(ms[2]) != want {
					t.Fatalf("composition time %x, want %d ms", ms, want)
				}
				if held && f.DTS > was.DTS && int64(video[0].Timestamp-stamped) != f.DTS.Units(90000)-was.DTS.Units(90000) {
					t.Fatalf("timestamps are %d apart, decode times %v", video[0].Timestamp-stamped, f.DTS.Sub(was.DTS))
				}
				if held && f.PTS < was.PTS {
					reordered++
				}
				held, was, stamped, video = true, f, video[0].Timestamp, nil
				seconds++
			}
			if reordered < 5 {
				t.Fatalf("%d frames were shown before their predecessor", reordered)
			}
		})
	}
}

func extensionIDOf(t testing.TB, c *client, uri string) uint8 {
	t.Helper()
	for _, tr := range c.pc.GetTransceivers() {
		for _, e := range tr.Receiver().GetParameters().HeaderExtensions {
			if e.URI == uri {
				return uint8(e.ID)
			}
		}
	}
	t.Fatalf("%s was not negotiated", uri)
	return 0
}

func checkAAC(t testing.TB, framing string, config aac.Config, payload []byte, known map[string]bool) {
	t.Helper()
	unit := payload
	if framing == "MP4A-ADTS" {
		h, err := aac.ParseADTS(payload)
		must(t, err)
		if h.FrameSize != len(payload) || h.Config.CoreRate != config.CoreRate || h.Config.Channels != config.Channels {
			t.Fatalf("ADTS header %+v before %d bytes", h, len(payload))
		}
		unit = payload[h.HeaderSize:]
	} else {
		n := 0
		for {
			b := unit[0]
			unit = unit[1:]
			if n += int(b); b != 255 {
				break
			}
		}
		if n != len(unit) {
			t.Fatalf("length %d before %d bytes", n, len(unit))
		}
	}
	if !known[string(unit)] {
		t.Fatal("an access unit that is none of the source's")
	}
}

// B-frames that nobody announced end the sessions of those who cannot show them.
func TestBFramesMidStream(t *testing.T) {
	t.Parallel()
	for _, middle := range []bool{false, true} {
		r := newRoom(t, Config{})
		pr := ordinary
		pr.composition = func(i int) time.Duration {
			if i > 20 && i%3 == 1 {
				return 2 * pictureEvery
			}
			return 0
		}
		if middle { // they are there when the viewer joins, in what it catches up with
			pr.past, pr.gop = 1900*time.Millisecond, 50
		}
		r.broadcast(testName, pr)
		browser, able := r.watch(wish{}), r.watch(wish{codecs: native("MP4A-ADTS"), noAudio: true})
		r.ledger.awaitReason(t, browser.id, reason.BFrames)
		browser.awaitDTLS(webrtc.DTLSTransportStateClosed)
		able.takes(media.Video, 100)
		if r.server.Sessions() != 1 {
			t.Fatal("the other viewer is gone as well")
		}
	}
}

// A source that says that it has B-frames is refused at once.
func TestBFramesAreRefused(t *testing.T) {
	r := newRoom(t, Config{})
	pr := ordinary
	pr.video = testReordered
	r.broadcast(testName, pr)
	offer, err := newPeer(t, wish{}).CreateOffer(nil)
	must(t, err)
	_, _, err = r.play(testName, offer.SDP, "")
	m, ok := err.(*sdp.Mismatch)
	if !ok || m.Reason != reason.BFrames || strings.TrimSpace(m.Detail) == "" {
		t.Fatalf("error %v", err)
	}
}

// A source whose audio codec changes leaves those without it in silence, of
// which they see nothing but the time that has passed.
func TestAudioCodecChanges(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	st := r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	last, silent, jumped := c.takes(media.Audio, 5)[4], 0, false
	st.off()
	pr := ordinary
	pr.audio = testAAC
	st = r.broadcast(testName, pr)
	for !jumped {
		p := c.next()
		if p.kind == media.Video {
			if !p.Marker {
				continue
			}
			if silent++; silent == 40 {
				st.off()
				r.broadcast(testName, ordinary)
			}
			continue
		}
		if p.SequenceNumber != last.SequenceNumber+1 {
			t.Fatalf("number %d follows %d", p.SequenceNumber, last.SequenceNumber)
		}
		jumped = p.Timestamp-last.Timestamp > 48000/2
		last = p
	}
	if silent < 40 {
		t.Fatalf("sound went on after %d pictures", silent)
	}
}
