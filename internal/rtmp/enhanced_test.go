package rtmp

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// library dials the server by gortmplib.
func (w *world) library(publish bool, query string) *gortmplib.Client {
	w.t.Helper()
	u, err := url.Parse("rtmp://" + w.addr + "/live#s" + query)
	must(w.t, err)
	if !publish {
		u, err = url.Parse(w.url("live/s" + query))
		must(w.t, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	c := &gortmplib.Client{URL: u, Publish: publish}
	must(w.t, c.Initialize(ctx))
	w.t.Cleanup(c.Close)
	must(w.t, c.NetConn().SetDeadline(time.Now().Add(bound)))
	return c
}

// TestEnhancedCodecs publishes by gortmplib, and plays to it, what only Enhanced
// RTMP carries.
func TestEnhancedCodecs(t *testing.T) {
	sps := unhex(t, "42010101600000030090000003000003003ca00a480f9c9265959a4932bc05a02000000300200000030321")
	vps, pps := unhex(t, "40010c01ffff01600000030090000003000003003c9598090"+"0"), unhex(t, "4401c172b46240")
	key265, pic265 := []byte{0x26, 1, 0xaf, 1}, []byte{2, 1, 0xd0, 2}
	sequence := unhex(t, "08000000043d07c4fff98040")
	keyAV1, picAV1 := []byte{0x30, 0x10, 1}, []byte{0x30, 0x30, 2}
	keyVP9, picVP9 := unhex(t, "824983420014100f1604"), []byte{0x86, 0, 1}
	talk := &gortmplib.Track{Codec: &codecs.Opus{IDHeader: &opus.IDHeader{Version: 1, ChannelCount: 2, InputSampleRate: 48000}}}
	for _, c := range []struct {
		name  string
		codec media.Codec
		track codecs.Codec
		write func(w *gortmplib.Writer, tr *gortmplib.Track, i int) error
		read  func(r *gortmplib.Reader, tr *gortmplib.Track, got func([]byte))
		want  [][]byte
	}{
		{
			"H265", media.H265, &codecs.H265{VPS: vps, SPS: sps, PPS: pps},
			func(w *gortmplib.Writer, tr *gortmplib.Track, i int) error {
				nal, at := key265, time.Duration(i)*time.Second
				if i > 0 {
					nal = pic265
				}
				return w.WriteH265(tr, at+40*time.Millisecond, at, [][]byte{nal})
			},
			func(r *gortmplib.Reader, tr *gortmplib.Track, got func([]byte)) {
				r.OnDataH265(tr, func(pts, dts time.Duration, au [][]byte) {
					if nal := au[len(au)-1]; nal[0] < 0x40 {
						if pts-dts != 40*time.Millisecond {
							t.Errorf("composition time %v", pts-dts)
						}
						got(nal)
					}
				})
			}, [][]byte{key265, pic265},
		},
		{
			"AV1", media.AV1, &codecs.AV1{},
			func(w *gortmplib.Writer, tr *gortmplib.Track, i int) error {
				tu := [][]byte{sequence, keyAV1}
				if i > 0 {
					tu = [][]byte{picAV1}
				}
				return w.WriteAV1(tr, time.Duration(i)*time.Second, tu)
			},
			func(r *gortmplib.Reader, tr *gortmplib.Track, got func([]byte)) {
				r.OnDataAV1(tr, func(_ time.Duration, tu [][]byte) { got(tu[len(tu)-1]) })
			}, [][]byte{keyAV1, picAV1},
		},
		{
			"VP9", media.VP9, &codecs.VP9{},
			func(w *gortmplib.Writer, tr *gortmplib.Track, i int) error {
				frame := keyVP9
				if i > 0 {
					frame = picVP9
				}
				return w.WriteVP9(tr, time.Duration(i)*time.Second, frame)
			},
			func(r *gortmplib.Reader, tr *gortmplib.Track, got func([]byte)) {
				r.OnDataVP9(tr, func(_ time.Duration, frame []byte) { got(frame) })
			}, [][]byte{keyVP9, picVP9},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := run(t, unhurried)
			conn := w.library(true, "")
			video, other := &gortmplib.Track{Codec: c.track}, &gortmplib.Track{Codec: &codecs.H264{SPS: spsLarge, PPS: ppsPlain}}
			writer := &gortmplib.Writer{Conn: conn, Tracks: []*gortmplib.Track{video, other, talk}}
			must(t, writer.Initialize())
			must(t, c.write(writer, video, 0), writer.WriteH264(other, 0, 0, [][]byte{idr}), writer.WriteOpus(talk, 0, []byte{0xfc, 1, 2}))
			r := w.reader("s")
			if f := next(t, r, media.Video); !f.Key || f.Track.Codec != c.codec { // VP9's size is in it
				t.Errorf("first frame is %+v", f)
			}
			if v, a := r.Tracks(); v == nil || v.Codec != c.codec || v.Width != 322 || v.Height != 242 || a == nil || a.Codec != media.Opus {
				t.Fatalf("tracks are %+v, %+v", v, a)
			}
			must(t, c.write(writer, video, 1), c.write(writer, video, 2), c.write(writer, video, 3), writer.WriteOpus(talk, 3*time.Second, []byte{0xfc, 3, 4}))
			for range 3 {
				if f := next(t, r, media.Video); f.Key {
					t.Errorf("frame is %+v", f)
				}
			}

			player := w.library(false, "")
			reader := &gortmplib.Reader{Conn: player}
			must(t, reader.Initialize())
			var got [][]byte
			heard := 0
			for _, tr := range reader.Tracks() {
				if _, is := tr.Codec.(*codecs.Opus); is {
					reader.OnDataOpus(tr, func(time.Duration, []byte) { heard++ })
					continue
				}
				c.read(reader, tr, func(b []byte) { got = append(got, slices.Clone(b)) })
			}
			for len(got) < 4 || heard < 2 {
				must(t, reader.Read())
			}
			want := [][]byte{c.want[0], c.want[1], c.want[1], c.want[1]}
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("got %x, want %x", got, want)
			}

			// A player that lists nothing is told.
			plain := &Client{caller: caller{net: &timedConn{Conn: w.raw()}}}
			must(t, plain.open(), plain.send(3, 0, "connect", 1, connectObject(target{app: "live", tcURL: "rtmp://h/live"})))
			_, err := plain.result(1)
			must(t, err, plain.send(3, 0, "createStream", 2, nil))
			_, err = plain.result(2)
			must(t, err, plain.send(8, 1, "play", 3, nil, "s"))
			var told *StatusError
			if err := plain.waitStatus(""); !errors.As(err, &told) || told.Code != codePlayFailed || !bytes.Contains([]byte(told.Description), []byte("fourCcList")) {
				t.Errorf("client was told %v", err)
			}
			must(t, plain.net.Close())
			w.ended(reason.Codec)
		})
	}
}

// TestNanoseconds publishes with timestamps that are finer than milliseconds.
func TestNanoseconds(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	body := append([]byte("\xa7\x02\x07\xa1\x20\x03avc1"), picture(small, 0, pic).Data...)
	must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 6, Stream: 1, Type: rtmpchunk.TypeVideo, Timestamp: 33, Body: body}))
	r := w.reader("s")
	first := next(t, r, media.Video)
	if f := next(t, r, media.Video); f.DTS-first.DTS != 33_500_000 || f.PTS != f.DTS {
		t.Errorf("the second frame is %v behind the first", f.DTS-first.DTS)
	}
}
