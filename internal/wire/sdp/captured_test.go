package sdp

import (
	"slices"
	"testing"

	pion "github.com/pion/sdp/v3"
)

// The captured answers are ones that the vendor's SDK played: ours to the same
// offers say about each medium whatever those say.
func TestCapturedAnswers(t *testing.T) {
	// What theirs says and a full agent that sends one stream does not need to.
	spare := map[string]bool{"label": true, "mslabel": true}
	for _, version := range []string{"2.2.7", "2.7.2"} {
		o := parse(t, fixture(t, "play-rts"+version+".offer.sdp"))
		s, err := o.SelectPlay(plainH264, opus)
		if err != nil {
			t.Fatal(err)
		}
		var got, want pion.SessionDescription
		if err := got.UnmarshalString(o.Answer(s, ours)); err != nil {
			t.Fatal(err)
		}
		if err := want.UnmarshalString(fixture(t, "captured/play-rts"+version+".answer.sdp")); err != nil {
			t.Fatal(err)
		}
		if len(got.MediaDescriptions) != len(want.MediaDescriptions) {
			t.Fatalf("%s: %d m-lines, theirs has %d", version, len(got.MediaDescriptions), len(want.MediaDescriptions))
		}
		for i, theirs := range want.MediaDescriptions {
			if theirs.MediaName.Media == "application" {
				continue // theirs opens the data channel, ours turns it down
			}
			md := got.MediaDescriptions[i]
			said := map[string]bool{}
			for _, a := range md.Attributes {
				said[a.Key] = true
			}
			if fingerprint, ok := want.Attribute("fingerprint"); ok && fingerprint != "" {
				theirs.Attributes = append(theirs.Attributes, pion.Attribute{Key: "fingerprint"})
			}
			for _, a := range theirs.Attributes {
				// Candidates are ours once, on the line that carries the bundle.
				once := a.Key == "candidate" || a.Key == "end-of-candidates"
				if !said[a.Key] && !spare[a.Key] && (!once || i == 0) {
					t.Errorf("%s: m-line %d has no a=%s", version, i, a.Key)
				}
			}
			// What is sent is what theirs would send; what a publisher could
			// change to stands behind it.
			if first := md.MediaName.Formats[0]; !slices.Contains(theirs.MediaName.Formats, first) {
				t.Errorf("%s: m-line %d answers format %s first, which theirs does not", version, i, first)
			}
		}
	}
}
