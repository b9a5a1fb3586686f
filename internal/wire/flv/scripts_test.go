package flv_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

func script(t *testing.T, values ...any) []byte {
	t.Helper()
	b, err := amf0.Data(values).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScripts(t *testing.T) {
	var s flv.Scripts
	take := func(want reason.Reason, body []byte) {
		t.Helper()
		if got := s.Take(body); got != want {
			t.Errorf("%.40q: %q, want %q", body, got, want)
		}
	}
	about := amf0.ECMAArray{
		{Key: "width", Value: float64(1)}, {Key: "audiocodecid", Value: float64(10)}, {Key: "videoTrackIdInfoMap", Value: amf0.Object{}}, {Key: "encoder", Value: "one"},
	}
	take("", script(t, "@setDataFrame", "onMetaData", about))
	m, changed := s.Description()
	if want := []byte("\x00\x07encoder\x02\x00\x03one"); !changed || m.Count != 1 || !bytes.Equal(m.Members, want) {
		t.Errorf("the description is %d of %q, changed %v", m.Count, m.Members, changed)
	}
	if video, audio, known := s.Promised(); video || !audio || !known {
		t.Errorf("promised are %v, %v, %v", video, audio, known)
	}
	if got := s.Next(); got != nil { // players are told of it at their start
		t.Errorf("%q goes with the first frame", got)
	}

	cue := script(t, "onCuePoint", "x")
	take("", script(t, "onMetaData", about)) // said before
	take("", cue)
	take("", script(t, "onMetaData", amf0.Object{{Key: "encoder", Value: "two"}}))
	got := s.Next()
	if len(got) != 2 || !bytes.Equal(got[0], cue) || !media.Describes(got[1]) || media.Describes(got[0]) {
		t.Errorf("%q goes with the second frame", got)
	}
	if _, changed := s.Description(); !changed {
		t.Error("the change is not seen")
	}
	take("", script(t, "@clearDataFrame", "onMetaData"))
	if m, changed := s.Description(); !changed || m.Count != 0 {
		t.Errorf("%d of %q are left", m.Count, m.Members)
	}
	if _, changed := s.Description(); changed {
		t.Error("it changes by being asked for")
	}

	for _, body := range [][]byte{
		nil, {0xff}, script(t, "onCuePoint"), script(t, "onMetaData"), script(t, "onMetaData", "x"), script(t, float64(1), "x"), script(t, "@setDataFrame", "onTextData"),
	} {
		take(reason.UnsupportedMsg, body)
	}
	take(reason.Limit, slices.Repeat([]byte{3, 0, 1, 'a'}, flv.MaxScript/4+1))
	for range 32 {
		take("", cue)
	}
	take(reason.Limit, cue)
	if got := s.Next(); len(got) != 32 {
		t.Errorf("%d wait", len(got))
	}
	half := script(t, "onTextData", string(make([]byte, flv.MaxScript/2)))
	take("", half)
	take(reason.Limit, half)
}

// Whatever a publisher says, players get a description that can be read, and what
// waits is bounded.
func FuzzScripts(f *testing.F) {
	f.Add([]byte("\x02\x00\x0aonMetaData\x03\x00\x05width\x05\x00\x07encoder\x02\x00\x01x\x00\x00\x09"), []byte("\x02\x00\x0aonCuePoint\x05"))
	f.Add([]byte("\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x01a\x0a\x00\x00\x00\x02\x05\x06\x00\x00\x09"), []byte("\x02\x00\x0aonMetaData\x03\x00\x00\x09"))
	f.Add([]byte("\x02\x00\x0f@clearDataFrame"), []byte{0xff})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var s flv.Scripts
		for _, body := range [][]byte{one, two, one} {
			_ = s.Take(body)
			m, _ := s.Description()
			tag := flv.AppendDescription(nil, h264Track, nil, m, 0)
			values, err := amf0.Unmarshal(tag[11 : len(tag)-4])
			if err != nil || len(values) != 2 {
				t.Fatalf("%q is no description: %v, %v", tag, values, err)
			}
			if about, ok := values[1].(amf0.ECMAArray); !ok || len(about) != 3+int(m.Count) {
				t.Fatalf("%d members and those of the track are %v", m.Count, values[1])
			}
			if waiting := s.Next(); len(waiting) > 1 {
				t.Fatalf("%q wait", waiting)
			}
		}
	})
}
