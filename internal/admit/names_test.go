package admit

import "testing"

// Tracks have one name each, whichever way they are asked for.
func TestTracks(t *testing.T) {
	for list, want := range map[string]string{
		"": "", "video0": "", "audio0": "", "video0,audio0": "", "video1": "video1", "video1,video1": "video1", "video1,audio0": "video1",
		"audio2,video0": "audio2", "video1,audio2": "video1,audio2", "audio2,video1": "video1,audio2", "audio2,video1,audio2": "video1,audio2",
		"video1,video2": "-", "video0,video1": "-", "video01": "-", "video": "-", "video100": "-", "sub1": "-", ",": "-", "video1,": "-", "video1,audio": "-", "video1, audio1": "-",
	} {
		got, ok := tracksOf(list)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", list, got, want)
		}
	}
}
