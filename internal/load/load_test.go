package load

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const sampleAnswer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n" +
	"a=candidate:1 1 tcp 1 127.0.0.1 8000 typ host tcptype passive\r\na=candidate:1 1 udp 1 127.0.0.1 8001 typ host\r\n" +
	"a=ssrc:11 cname:rts\r\nm=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=ssrc-group:FID 22 33\r\na=ssrc:22 cname:rts\r\na=ssrc:33 cname:rts\r\n"

func TestReadAnswer(t *testing.T) {
	a, err := readAnswer(sampleAnswer, "")
	if err != nil {
		t.Fatal(err)
	}
	if a.ufrag != "abcd" || a.pwd != "secret" || a.candidate.String() != "127.0.0.1:8001" || a.audioSSRC != 11 || a.videoSSRC != 22 {
		t.Errorf("%+v", a)
	}
	if a.stray(22) || a.stray(33) || a.stray(11) || !a.stray(44) {
		t.Errorf("strays are told by SSRCs %v", a.ssrcs)
	}
	if (&answer{}).stray(44) {
		t.Error("all are strays of an answer that names no SSRC")
	}
	if _, err := readAnswer(strings.ReplaceAll(sampleAnswer, " udp ", " tcp "), ""); err == nil {
		t.Error("an answer without a UDP candidate is taken")
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(sampleAnswer)
	f.Add("a=ssrc:\r\na=candidate:")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := readAnswer(s, "127.0.0.1"); err == nil && (a.ufrag == "" || !a.candidate.IsValid()) {
			t.Errorf("%+v", a)
		}
	})
}

// A quantile is never below the true one, and at most an eighth above it.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(1<<unitShift, int64(20*time.Second)).Draw(t, "ns")
		h := newHistogram()
		h.add(ns)
		got := int64(h.quantile(.5))
		if got < ns || float64(got) > float64(ns)*1.126+float64(int64(1)<<unitShift)/8 {
			t.Fatalf("%d is told as %d", ns, got)
		}
	})
	h := newHistogram()
	for i := range 100 {
		h.add(int64(i) * int64(time.Millisecond))
	}
	other := newHistogram()
	other.merge(h)
	if got := other.quantile(.95); got < 95*time.Millisecond || got > 108*time.Millisecond {
		t.Errorf("p95 of 0..99 ms is %v", got)
	}
	before := newHistogram()
	before.merge(h)
	h.add(int64(time.Second))
	if got := h.since(before).quantile(.5); got < time.Second {
		t.Errorf("since a copy the median is %v", got)
	}
	h.reset()
	if got := h.quantile(.5); got != 0 {
		t.Errorf("an empty histogram has %v", got)
	}
}

func TestReadHistogram(t *testing.T) {
	got, err := readHistogram(strings.NewReader("# TYPE x histogram\nx_bucket{le=\"0.5\"} 3\nx_bucket{le=\"+Inf\"} 4\ny_bucket{le=\"1\"} 9\nx_sum 1\n"), "x")
	if err != nil || len(got) != 2 || got[0] != (bucket{.5, 3}) || !math.IsInf(got[1].le, 1) || got[1].count != 4 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := readHistogram(strings.NewReader("x_bucket{le=\"a\"} 3\n"), "x"); err == nil {
		t.Error("a bucket without a number is taken")
	}
}

func TestFloorIsMoreThanNothing(t *testing.T) {
	f, err := MeasureFloor()
	if err != nil {
		t.Fatal(err)
	}
	if f.Encrypt <= 0 || f.Send <= 0 || f.Micros() <= 0 {
		t.Errorf("%+v", f)
	}
}
