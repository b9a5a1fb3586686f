package rtp

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/h265"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// encoders write twenty pictures of 320x180, the first and the eleventh key frames.
var encoders = map[media.Codec][]string{
	media.H265: {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=10:min-keyint=10:scenecut=0:bframes=0:repeat-headers=1:aud=1:pools=1:frame-threads=1", "-f", "hevc"},
	media.VP9:  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "10", "-f", "ivf"},
	media.AV1:  {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "10", "-f", "ivf"},
}

// pace is the time between them, so that a packet which is waited for is given up
// before the next key frame.
const pace = media.Time(100 * time.Millisecond)

var encodedOnce sync.Map // frames by codec

// encoded is what an encoder writes, as frames, with a track as it is announced
// before anything has told of parameters.
func encoded(t testing.TB, codec media.Codec) []*media.Frame {
	t.Helper()
	if frames, ok := encodedOnce.Load(codec); ok {
		return frames.([]*media.Frame)
	}
	frames := encode(t, codec)
	encodedOnce.Store(codec, frames)
	return frames
}

func encode(t testing.TB, codec media.Codec) (frames []*media.Frame) {
	t.Helper()
	args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "20", "-pix_fmt", "yuv420p", "-b:v", "2M"}, encoders[codec]...)
	var told bytes.Buffer
	cmd := exec.Command("ffmpeg", append(args, "-")...)
	cmd.Stderr = &told
	file, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, told.String())
	}
	track := &media.Track{Kind: media.Video, Codec: codec}
	for i, data := range accessUnits(t, codec, file) {
		at := media.Time(i) * pace
		f := &media.Frame{Track: track, DTS: at, PTS: at, Arrived: 1e18 + int64(at), Data: data}
		switch codec {
		case media.H265:
			u, err := h265.ParseUnit(data, 4)
			if err != nil {
				t.Fatal(err)
			}
			f.Data, f.Key = u.Data, u.Key
			if u.Key && track.Params == nil {
				track.Params = u.Params
				track.Width, track.Height, _ = h265.Dimensions(h265.SPSOf(u.Params))
			}
		case media.AV1:
			u, err := av1.ParseUnit(data)
			if err != nil {
				t.Fatal(err)
			}
			f.Data, f.Key = u.Data, u.Key
		case media.VP9:
			h, ok := vp9.ParseHeader(data)
			if !ok {
				t.Fatalf("frame %d is no VP9", i)
			}
			f.Key = h.Key
		}
		frames = append(frames, f)
	}
	if len(frames) != 20 || !frames[0].Key || !frames[10].Key || frames[5].Key {
		t.Fatalf("%d frames of %s", len(frames), codec)
	}
	return frames
}

// accessUnits takes a raw file apart: Annex B with delimiters, or IVF.
func accessUnits(t testing.TB, codec media.Codec, file []byte) (units [][]byte) {
	t.Helper()
	if codec != media.H265 {
		for file = file[32:]; len(file) >= 12; {
			n := binary.LittleEndian.Uint32(file)
			units = append(units, file[12:12+n])
			file = file[12+n:]
		}
		return units
	}
	var nals h264.AnnexB
	if err := nals.Unmarshal(file); err != nil {
		t.Fatal(err)
	}
	for _, nal := range nals {
		if kind, _ := h265.Type(nal); kind == h265Delimiter {
			units = append(units, nil)
		}
		last := &units[len(units)-1]
		*last = append(*last, lengthPrefixed(nal)...)
	}
	return units
}

// cutAll is each frame's packets.
func cutAll(p *Packetizer, frames []*media.Frame) (packets [][]media.Packet) {
	for _, f := range frames {
		packets = append(packets, p.Packetize(f))
	}
	return packets
}

// cutByPion is cutAll by another hand, as a publisher does it: of H265 with
// aggregates.
func cutByPion(frames []*media.Frame) (packets [][]media.Packet) {
	codec := frames[0].Track.Codec
	payloader := map[media.Codec]rtp.Payloader{media.H265: &codecs.H265Payloader{}, media.AV1: &codecs.AV1Payloader{}, media.VP9: &codecs.VP9Payloader{FlexibleMode: true}}[codec]
	seq := int64(0)
	for _, f := range frames {
		data := f.Data
		if codec == media.H265 {
			data = nil
			sets := f.Track.Params
			if !f.Key {
				sets = nil
			}
			for _, nal := range append(slices.Clone(sets), nalsOf(f.Data)...) {
				data = append(append(data, 0, 0, 0, 1), nal...)
			}
		}
		var run []media.Packet
		for _, p := range payloader.Payload(1200, data) {
			run = append(run, media.Packet{Seq: seq, Time: f.DTS, Arrived: f.Arrived, Codec: codec, Payload: p})
			seq++
		}
		run[len(run)-1].Marker = true
		packets = append(packets, run)
	}
	return packets
}

func nalsOf(b []byte) (nals [][]byte) {
	for len(b) >= 4 {
		n := binary.BigEndian.Uint32(b)
		nals, b = append(nals, b[4:4+n]), b[4+n:]
	}
	return nals
}

// checkEncoded compares frames with what the encoder wrote, from a frame on.
func checkEncoded(t *testing.T, got, want []*media.Frame) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames of %d", len(got), len(want))
	}
	for i, f := range got {
		w := want[i]
		if !bytes.Equal(f.Data, w.Data) || f.Key != w.Key || f.DTS != w.DTS || f.PTS != w.PTS {
			t.Fatalf("frame %d: %d bytes, want %d; first difference at %d; key %v", i, len(f.Data), len(w.Data), difference(f.Data, w.Data), f.Key)
		}
		if f.Track != got[0].Track {
			t.Fatalf("frame %d has another track: %+v", i, f.Track)
		}
		check(t, f)
	}
	if tr := got[0].Track; tr.Width != 320 || tr.Height != 180 || tr.Codec != want[0].Track.Codec {
		t.Fatalf("the track is %+v", tr)
	}
}

// What encoders write comes through whole, whoever cuts it, in order and not,
// whether the tracks were announced or not.
func TestAssembleEncoded(t *testing.T) {
	for codec := range encoders {
		frames := encoded(t, codec)
		for name, packets := range map[string][][]media.Packet{"own": cutAll(New(), frames), "pion": cutByPion(frames)} {
			t.Run(codec.String()+"/"+name, func(t *testing.T) {
				all := slices.Concat(packets...)
				checkEncoded(t, assembleAll(t, NewAssembler(&media.Track{Kind: media.Video, Codec: codec}, nil), all), frames)

				mixed := slices.Clone(all)
				for i := 2; i+2 < len(mixed); i += 3 {
					mixed[i], mixed[i+2] = mixed[i+2], mixed[i]
				}
				a := NewAssembler(nil, nil)
				checkEncoded(t, assembleAll(t, a, mixed), frames)
				expectLost(t, a, false)

				// Without a piece of the third frame, the next key frame goes on.
				for _, piece := range []int{0, len(packets[2]) / 2, len(packets[2]) - 1} {
					a = NewAssembler(nil, nil)
					lossy := slices.Concat(packets[0], packets[1])
					lossy = append(append(lossy, packets[2][:piece]...), packets[2][piece+1:]...)
					checkEncoded(t, assembleAll(t, a, append(lossy, slices.Concat(packets[3:]...)...)), slices.Concat(frames[:2], frames[10:]))
				}
			})
		}
	}
}

// Who joins amid a group of pictures begins with the next key frame, and asks for
// it; and a publisher may turn to another codec.
func TestAssembleOtherCodecs(t *testing.T) {
	for codec := range encoders {
		t.Run(codec.String(), func(t *testing.T) {
			frames := encoded(t, codec)
			packets := cutAll(New(), frames)
			a := NewAssembler(frames[0].Track, nil)
			got := assembleAll(t, a, slices.Concat(packets[4:8]...))
			if len(got) != 0 || !a.Lost() {
				t.Fatalf("%d frames without a key frame, none asked for", len(got))
			}
			checkEncoded(t, assembleAll(t, a, slices.Concat(packets[8:]...)), frames[10:])

			c := newTape()
			a = NewAssembler(plain, nil)
			expect(t, a, c.cut(true), 1)
			turned := slices.Concat(packets...) // copies
			for i := range turned {
				turned[i].Seq += c.p.seq[media.Video]
				turned[i].Time += c.at + media.Time(step)
				turned[i].Arrived += int64(c.at) + int64(step)
			}
			all := assembleAll(t, a, turned)
			if len(all) != len(frames) || all[0].Track.Codec != codec || !bytes.Equal(all[19].Data, frames[19].Data) {
				t.Fatalf("%d frames behind the turn", len(all))
			}
		})
	}
}

// Spatial layers of one picture become one superframe.
func TestAssembleVP9Layers(t *testing.T) {
	key := []byte{0x82, 0x49, 0x83, 0x42, 0, 0x14, 0x10, 0x0f, 0x16, 4}
	upper := append([]byte{0x86}, bytes.Repeat([]byte{7}, 300)...)
	pk := func(seq int64, head []byte, body []byte) media.Packet {
		return media.Packet{Seq: seq, Codec: media.VP9, Arrived: 1e18, Payload: append(slices.Clone(head), body...)}
	}
	// I, P, L, F, B, E, V, Z; then the picture's number and the layer's.
	packets := []media.Packet{
		pk(0, []byte{0xac, 1, 0x00, 0}, key),
		pk(1, []byte{0xe8, 1, 0x03, 0}, upper[:100]),
		pk(2, []byte{0xe4, 1, 0x03, 0}, upper[100:]),
	}
	packets[2].Marker = true
	got := assembleAll(t, NewAssembler(nil, nil), packets)
	want := slices.Concat(key, upper, []byte{0xc9, byte(len(key)), 0, byte(len(upper) & 255), byte(len(upper) >> 8), 0xc9})
	if len(got) != 1 || !got[0].Key || !bytes.Equal(got[0].Data, want) {
		t.Fatalf("%d frames: %x", len(got), got[0].Data)
	}
	a := NewAssembler(nil, nil)
	packets[2].Payload[0] = 0xe0 // without an end
	if got := assembleAll(t, a, packets); len(got) != 0 || !a.Lost() {
		t.Fatalf("%d frames of a picture that is cut off", len(got))
	}
}
