package sdp

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// checkReception reads an answer to a publisher with other eyes and holds it
// against the offer.
func checkReception(t *testing.T, o *Offer, r Reception, tr Transport) {
	t.Helper()
	text := o.AnswerPublish(r, tr)
	var d pion.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("answer does not parse: %v\n%s", err, text)
	}
	if len(d.MediaDescriptions) != len(o.Media) || strings.Contains(text, "a=ssrc") || strings.Contains(text, "a=msid:") {
		t.Fatalf("not an answer of one who only receives:\n%s", text)
	}
	candidates := false
	for i, md := range d.MediaDescriptions {
		m := &o.Media[i]
		if mid, _ := md.Attribute("mid"); mid != m.MID || md.MediaName.Media != m.Kind || strings.Join(md.MediaName.Protos, "/") != m.Proto {
			t.Errorf("m-line %d: mid %q, %s %v", i, mid, md.MediaName.Media, md.MediaName.Protos)
		}
		if md.MediaName.Port.Value == 0 {
			if m.Bundled {
				t.Errorf("m-line %d is rejected", i)
			}
			continue
		}
		if ufrag, _ := md.Attribute("ice-ufrag"); ufrag != tr.Ufrag {
			t.Errorf("m-line %d: ufrag %q", i, ufrag)
		}
		if _, ok := md.Attribute("candidate"); ok != !candidates {
			t.Errorf("m-line %d: candidates %v", i, ok)
		}
		candidates = true
		src := r.Video
		if m.Kind == "audio" {
			src = r.Audio
		}
		if src == nil || src.MLine != i {
			if _, ok := md.Attribute("inactive"); !ok {
				t.Errorf("m-line %d should be inactive", i)
			}
			continue
		}
		checkTaken(t, m, md, src)
	}
}

func checkTaken(t *testing.T, m *Media, md *pion.MediaDescription, src *Source) {
	t.Helper()
	if _, ok := md.Attribute("recvonly"); !ok || !m.Direction.Sends() {
		t.Errorf("%s is not recvonly", m.MID)
	}
	want := []string{strconv.Itoa(int(src.PT))}
	if src.RTXPT != 0 {
		want = append(want, strconv.Itoa(int(src.RTXPT)))
	}
	if got := md.MediaName.Formats; !slices.Equal(got, want) {
		t.Errorf("formats %v, want %v", got, want)
	}
	simulcast, layers := md.Attribute("simulcast")
	if layers != (len(src.RIDs) != 0) || layers && simulcast != "recv "+strings.Join(src.RIDs, ";") {
		t.Errorf("simulcast:%s for %q", simulcast, src.RIDs)
	}
	for _, a := range md.Attributes {
		switch a.Key {
		case "extmap":
			head, uri, _ := strings.Cut(a.Value, " ")
			number, dir, _ := strings.Cut(head, "/")
			id, err := strconv.Atoi(number)
			if err != nil || !src.Ext.has(uint8(id)) || dir != "" && dir != "recvonly" {
				t.Errorf("extmap:%s for %+v", a.Value, src.Ext)
			}
			offered := func(e extension) bool { return int(e.id) == id && e.uri == uri && (e.dir == "" || e.dir.Sends()) }
			if !slices.ContainsFunc(m.extensions, offered) {
				t.Errorf("extmap:%s was not offered", a.Value)
			}
		case "rtcp-fb":
			f := m.of(src.PT).feedback
			word := strings.TrimPrefix(a.Value, want[0]+" ")
			offered := map[string]bool{"nack": f.nack, "nack pli": f.pli, "ccm fir": f.fir, "transport-cc": f.transportCC, "goog-remb": f.remb}
			if !offered[word] {
				t.Errorf("rtcp-fb:%s was not offered", a.Value)
			}
		}
	}
}

// publishers are the captured offers of those who publish.
var publishers = []struct {
	file         string
	video        media.Codec // 0: none
	pt, rtx      uint8
	ssrc, repeat uint32
	mid          string
	line         int
	fb           string // nack, pli, fir, twcc, remb
	ext          Extensions
	audioPT      uint8
	audioSSRC    uint32
	refused      string // with nothing carried
}{
	{file: "publish-rts2.2.7.offer.sdp", video: media.H264, pt: 108, rtx: 109, mid: "1", line: 1, fb: "nptfr", ext: Extensions{TransportCC: 3, MID: 4, RID: 10, RepairedRID: 11}, audioPT: 111},
	{file: "publish-rts2.7.2.offer.sdp", video: media.H264, pt: 108, rtx: 109, mid: "1", line: 1, fb: "nptfr", ext: Extensions{TransportCC: 3, MID: 4, RID: 10, RepairedRID: 11}, audioPT: 111},
	{file: "whip-rts-n.sdp", video: media.H264, pt: 108, rtx: 109, ssrc: 2316906832, repeat: 2671725363, mid: "1", line: 1, fb: "nptfr", ext: Extensions{TransportCC: 3, MID: 4, RID: 10, RepairedRID: 11}, audioPT: 111, audioSSRC: 1972044079},
	// Chromium, video alone.
	{file: "whip-calm-M.sdp", video: media.H264, pt: 108, rtx: 109, ssrc: 3972693345, repeat: 1400008657, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 4, MID: 9, RID: 10, RepairedRID: 11}},
	{file: "whip-n-M.sdp", video: media.H264, pt: 108, rtx: 109, ssrc: 3607323868, repeat: 1110632281, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 4, MID: 9, RID: 10, RepairedRID: 11}},
	{file: "whip-eH264-M.sdp", video: media.H264, pt: 108, rtx: 109, ssrc: 3046974269, repeat: 1206150995, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 4, MID: 9, RID: 10, RepairedRID: 11}, audioPT: 111, audioSSRC: 993263432},
	{file: "whip-cvp8-M.sdp", video: media.VP8, pt: 96, rtx: 97, ssrc: 2406054349, repeat: 2998585149, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 4, MID: 9, RID: 10, RepairedRID: 11}, audioPT: 111, audioSSRC: 3355567056, refused: "video is VP8;"},
	{file: "whip-eVP8-M.sdp", video: media.VP8, pt: 96, rtx: 97, ssrc: 3184837145, repeat: 2695580428, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 4, MID: 9, RID: 10, RepairedRID: 11}, audioPT: 111, audioSSRC: 3823954006, refused: "video is VP8;"},
	// Firefox.
	{file: "whip-ffox8-M.sdp", video: media.VP8, pt: 120, rtx: 124, ssrc: 682470248, repeat: 584093966, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 7, MID: 3}, audioPT: 109, audioSSRC: 148254361, refused: "video is VP8;"},
	{file: "whip-fvp8-M.sdp", video: media.VP8, pt: 120, rtx: 124, ssrc: 1720794192, repeat: 724529824, mid: "0", fb: "nptfr", ext: Extensions{TransportCC: 7, MID: 3}, audioPT: 109, audioSSRC: 1507640660, refused: "video is VP8;"},
	// aiortc offers H264 behind VP8, twice.
	{file: "whip-aio-P.sdp", video: media.H264, pt: 101, rtx: 102, ssrc: 370097681, repeat: 3952061399, mid: "1", line: 1, fb: "npr", ext: Extensions{MID: 1}, audioPT: 96, audioSSRC: 2828471501},
	// FFmpeg waits for the DTLS handshake, sends sound first and takes no PLI.
	{file: "whip-ff8-L.sdp", video: media.H264, pt: 106, rtx: 105, ssrc: 3383774933, repeat: 3383774934, mid: "1", line: 1, fb: "n", audioPT: 111, audioSSRC: 3383774932},
	{file: "whip-ff9-L.sdp", video: media.H264, pt: 106, rtx: 105, mid: "1", line: 1, fb: "n", audioPT: 111},
	// GStreamer: transport-cc without its extension, and audio waiting to be bundled.
	{file: "whip-gst-g.sdp", video: media.H264, pt: 96, ssrc: 2638673219, mid: "video0", fb: "pf", audioPT: 97, audioSSRC: 1891699830},
}

func TestSelectPublishCaptured(t *testing.T) {
	for _, tt := range publishers {
		t.Run(tt.file, func(t *testing.T) {
			o := parse(t, fixture(t, tt.file))
			r, err := o.SelectPublish(Ingest{})
			if tt.refused != "" {
				var m *Mismatch
				if !errors.As(err, &m) || m.Reason != reason.Codec || !strings.Contains(m.Detail, tt.refused) {
					t.Fatalf("got %v, want %q", err, tt.refused)
				}
				if r, err = o.SelectPublish(Ingest{Carried: true}); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil && tt.refused == "" {
				t.Fatal(err)
			}
			v := r.Video
			if v == nil || v.Codec != tt.video || v.PT != tt.pt || v.RTXPT != tt.rtx || v.MID != tt.mid || v.MLine != tt.line || v.ClockRate != 90000 || v.RIDs != nil || v.BFrames {
				t.Fatalf("video %+v", v)
			}
			if tt.ssrc != 0 && (v.SSRC != tt.ssrc || v.RTXSSRC != tt.repeat) {
				t.Errorf("SSRC %d and %d, want %d and %d", v.SSRC, v.RTXSSRC, tt.ssrc, tt.repeat)
			}
			fb := ""
			for _, f := range []struct {
				on   bool
				word string
			}{{v.NACK, "n"}, {v.PLI, "p"}, {v.TransportCC, "t"}, {v.FIR, "f"}, {v.REMB, "r"}} {
				if f.on {
					fb += f.word
				}
			}
			if fb != tt.fb || v.Ext != tt.ext {
				t.Errorf("feedback %s, want %s; extensions %+v, want %+v", fb, tt.fb, v.Ext, tt.ext)
			}
			if (r.Audio != nil) != (tt.audioPT != 0) {
				t.Fatalf("audio %+v", r.Audio)
			}
			if a := r.Audio; a != nil && (a.PT != tt.audioPT || a.Codec != media.Opus || a.ClockRate != 48000 || !a.Stereo || tt.audioSSRC != 0 && a.SSRC != tt.audioSSRC) {
				t.Errorf("audio %+v", a)
			}
			checkReception(t, o, r, ours)
			golden(t, strings.TrimSuffix(strings.TrimSuffix(tt.file, ".sdp"), ".offer"), o.AnswerPublish(r, ours))
		})
	}
	for _, pattern := range []string{"whip-*", "publish-*"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			known := false
			for _, tt := range publishers {
				known = known || tt.file == filepath.Base(f)
			}
			if !known {
				t.Errorf("%s has no expectation", f)
			}
		}
	}
}

// golden holds an answer against the one that is kept.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".answer.sdp")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := fixture(t, filepath.Join("golden", name+".answer.sdp")); got != want {
		t.Errorf("answer differs from %s:\n%s", file, got)
	}
}
