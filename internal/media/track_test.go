package media

import "testing"

func TestWordsOfLogs(t *testing.T) {
	if Video.String() != "video" || Audio.String() != "audio" {
		t.Errorf("kinds are called %v, %v", Video, Audio)
	}
	for codec, want := range map[Codec]string{H264: "H264", AAC: "AAC", Opus: "Opus", 0: "unknown", 99: "unknown"} {
		if got := codec.String(); got != want {
			t.Errorf("codec %d is called %q, want %q", codec, got, want)
		}
	}
}
