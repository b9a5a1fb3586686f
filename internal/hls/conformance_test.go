package hls_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// list is a media playlist as a strict client reads it.
type list struct {
	text                      string
	target                    int
	partTarget, hold, skip    float64
	start                     float64
	sequence, discontinuities int64
	skipped                   int
	segments                  []entry
	open                      entry // parts behind the last segment
	hint                      string
	independent, ended        bool
	report                    map[string]string
}

type entry struct {
	uri, init     string
	duration      float64
	at            time.Time
	discontinuity bool
	gap           bool
	parts         []piece
}

type piece struct {
	uri         string
	duration    float64
	independent bool
}

func attributes(s string) map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`([A-Z-]+)=("[^"]*"|[^,]*)`).FindAllStringSubmatch(s, -1) {
		all[m[1]] = strings.Trim(m[2], `"`)
	}
	return all
}

// read parses a media playlist, and fails on whatever it does not know.
func read(t testing.TB, text string) list {
	t.Helper()
	l := list{text: text}
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return x
	}
	e, init := entry{}, ""
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		t.Fatalf("no playlist: %s", text)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		a := attributes(value)
		switch name {
		case "#EXT-X-VERSION":
		case "#EXT-X-TARGETDURATION":
			l.target = int(number(value))
		case "#EXT-X-SERVER-CONTROL":
			if a["CAN-BLOCK-RELOAD"] != "YES" {
				t.Errorf("%s", line)
			}
			if len(a) > 1 {
				l.hold, l.skip = number(a["PART-HOLD-BACK"]), number(a["CAN-SKIP-UNTIL"])
			}
		case "#EXT-X-START":
			l.start = number(a["TIME-OFFSET"])
		case "#EXT-X-PART-INF":
			l.partTarget = number(a["PART-TARGET"])
		case "#EXT-X-MEDIA-SEQUENCE":
			l.sequence = int64(number(value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			l.discontinuities = int64(number(value))
		case "#EXT-X-INDEPENDENT-SEGMENTS":
			l.independent = true
		case "#EXT-X-SKIP":
			l.skipped = int(number(a["SKIPPED-SEGMENTS"]))
		case "#EXT-X-DISCONTINUITY":
			e.discontinuity = true
		case "#EXT-X-MAP":
			init = a["URI"]
		case "#EXT-X-PROGRAM-DATE-TIME":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				t.Fatal(err)
			}
			e.at = at
		case "#EXT-X-PART":
			e.parts = append(e.parts, piece{a["URI"], number(a["DURATION"]), a["INDEPENDENT"] == "YES"})
		case "#EXT-X-GAP":
			e.gap = true
		case "#EXTINF":
			e.duration = number(strings.TrimSuffix(value, ","))
		case "#EXT-X-PRELOAD-HINT":
			if a["TYPE"] != "PART" || l.hint != "" {
				t.Errorf("%s", line)
			}
			l.hint = a["URI"]
		case "#EXT-X-RENDITION-REPORT":
			l.report = a
		case "#EXT-X-ENDLIST":
			l.ended = true
		default:
			if strings.HasPrefix(line, "#") {
				t.Fatalf("unknown tag %s", line)
			}
			e.uri, e.init = line, init
			l.segments = append(l.segments, e)
			e = entry{}
		}
	}
	e.init = init
	l.open = e
	return l
}

// lastPlace is the newest part that a playlist lists.
func (l list) lastPlace() (msn int64, part int) {
	msn = l.sequence + int64(l.skipped+len(l.segments))
	if n := len(l.open.parts); n > 0 {
		return msn, n - 1
	}
	return msn - 1, len(l.segments[len(l.segments)-1].parts) - 1
}

// conforms checks the rules of RFC 8216 and 8216bis that a playlist shows by itself.
func (l list) conforms(t testing.TB) {
	t.Helper()
	fail := func(format string, args ...any) { t.Errorf(format+" in\n%s", append(args, l.text)...) }
	if l.partTarget > 0 {
		if l.hold < 3*l.partTarget || l.hold > 1.05 {
			fail("4.4.3.8: a PART-HOLD-BACK of %f", l.hold)
		}
		if l.skip < 6*float64(l.target) {
			fail("4.4.3.8: CAN-SKIP-UNTIL is %f", l.skip)
		}
		if l.partTarget < 0.2 || l.partTarget > 0.35 {
			fail("parts of %f s", l.partTarget)
		}
		if l.hint == "" && !l.ended {
			fail("no preload hint")
		}
	}
	if want := -2 * l.target; !l.ended && l.partTarget == 0 && l.start != float64(want) {
		fail("players begin at %f", l.start)
	}
	left := 0.0
	for i, s := range append(l.segments, l.open) {
		if i < len(l.segments) {
			if int(s.duration+0.5) > l.target {
				fail("4.4.4.1: segment %d lasts %f", i, s.duration)
			}
			left += s.duration
		}
		if s.at.IsZero() && (s.uri != "" || len(s.parts) > 0) {
			fail("segment %d has no date", i)
		}
		sum := 0.0
		for k, p := range s.parts {
			sum += p.duration
			if p.duration > l.partTarget {
				fail("4.4.4.9: part %d.%d lasts %f", i, k, p.duration)
			}
			if p.duration < 0.85*l.partTarget && (k < len(s.parts)-1 || i == len(l.segments)) {
				fail("4.4.3.7: part %d.%d lasts only %f", i, k, p.duration)
			}
			if k == 0 && l.independent && !p.independent {
				fail("part %d.0 is not independent, but its segment is", i)
			}
		}
		if len(s.parts) > 0 && s.uri != "" && (sum < s.duration-0.001 || sum > s.duration+0.001) {
			fail("the parts of segment %d last %f, itself %f", i, sum, s.duration)
		}
	}
	if l.skipped == 0 && left < 3*float64(l.target) && len(l.segments) > 9 {
		fail("6.2.2: it lasts only %f s", left)
	}
	for i, s := range l.segments { // 4.4.4.9: parts of what is older than three target durations are gone
		left -= s.duration
		if left >= 3*float64(l.target) && len(s.parts) > 0 {
			fail("segment %d still has parts", i)
		}
		if i > 0 && !s.discontinuity {
			want := l.segments[i-1].at.Add(time.Duration(l.segments[i-1].duration * float64(time.Second)))
			if off := s.at.Sub(want); off < -20*time.Millisecond || off > 20*time.Millisecond {
				fail("6.2.1: the date of segment %d is off by %s", i, off)
			}
		}
	}
}

// script is a stage with the clip's frames, which are written piece by piece.
type script struct {
	*stage
	rest  []*media.Frame
	pub   interface{ Write(*media.Frame) error }
	video string
	audio string
}

// play writes all frames before a time of the clip.
func (s *script) play(t testing.TB, until time.Duration) {
	t.Helper()
	head, tail := before(s.rest, until)
	for _, f := range head {
		if err := s.pub.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	s.rest = tail
}

// newScript begins a session for a query when the first second of the clip is there.
func newScript(t testing.TB, o stageOptions, query string) *script {
	t.Helper()
	s := &script{stage: newStage(t, o), rest: frames(t)}
	video, audio := tracks(s.rest)
	s.pub = s.publish(t, video, audio)
	s.play(t, 500*time.Millisecond)
	s.video, s.audio = s.open(t, query)
	return s
}

// list fetches a media playlist and checks it.
func (s *script) list(t testing.TB, address, directives string) list {
	t.Helper()
	if directives != "" {
		directives = "&" + directives
	}
	l := read(t, s.get(t, address+directives).body)
	l.conforms(t)
	return l
}

// settled is the playlist when a part is in it.
func (s *script) settled(t testing.TB, address string, msn int64, part int) list {
	t.Helper()
	return s.list(t, address, fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", msn, part))
}

func TestLowLatencyConforms(t *testing.T) {
	for _, query := range []string{"format=ll", "format=ll&tracks=apart"} {
		t.Run(query, func(t *testing.T) {
			s := newScript(t, stageOptions{}, query)
			s.play(t, 2500*time.Millisecond)
			l := s.settled(t, s.video, 2, 0)
			// hls.js loops at the parts of a segment 0.
			if l.target != 2 || l.sequence != 1 || len(l.segments) != 1 || !l.independent || l.skipped != 0 {
				t.Errorf("it begins with\n%s", l.text)
			}
			if s.audio != "" && l.report["URI"] == "" {
				t.Errorf("4.4.5.4: no rendition report in\n%s", l.text)
			}
			// A part is there as soon as it is listed; a segment is its parts (6.2.1).
			joined := ""
			for _, p := range l.segments[0].parts {
				joined += s.get(t, resolve(t, s.video, p.uri)).body
			}
			whole := s.get(t, resolve(t, s.video, l.segments[0].uri))
			if whole.body != joined {
				t.Errorf("a segment of %d bytes has parts of %d", len(whole.body), len(joined))
			}
			s.decodes(t, l)
			// What is asked for and is there is answered at once, a part of a
			// segment that ended without it by the next (6.2.5.2).
			for _, d := range []string{"_HLS_msn=0", "_HLS_msn=1", "_HLS_msn=1&_HLS_part=3", "_HLS_msn=1&_HLS_part=99", "_HLS_msn=2&_HLS_part=0"} {
				s.list(t, s.video, d)
			}
		})
	}
}

// decodes checks the samples of a playlist's first segment: their times go on
// from part to part, and the playlist's durations are theirs.
func (s *script) decodes(t testing.TB, l list) {
	t.Helper()
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader([]byte(s.get(t, resolve(t, s.video, l.segments[0].init)).body))); err != nil {
		t.Fatal(err)
	}
	next := map[int]uint64{}
	for i, p := range l.segments[0].parts {
		var parts fmp4.Parts
		if err := parts.Unmarshal([]byte(s.get(t, resolve(t, s.video, p.uri)).body)); err != nil || len(parts) != 1 {
			t.Fatalf("part %d: %d, %v", i, len(parts), err)
		}
		for _, track := range parts[0].Tracks {
			if want, ok := next[track.ID]; ok && want != track.BaseTime {
				t.Errorf("part %d of track %d begins at %d, want %d", i, track.ID, track.BaseTime, want)
			}
			at := track.BaseTime
			for _, sample := range track.Samples {
				at += uint64(sample.Duration)
			}
			next[track.ID] = at
			if track.ID == 1 {
				if d := float64(at-track.BaseTime) / 90000; d < p.duration-0.002 || d > p.duration+0.002 {
					t.Errorf("part %d lasts %f, its samples %f", i, p.duration, d)
				}
				if key := slices.ContainsFunc(track.Samples, func(s *fmp4.Sample) bool { return !s.IsNonSyncSample }); p.independent != key {
					t.Errorf("part %d says independent: %v", i, p.independent)
				}
			}
		}
	}
}

// TestBlockingReload asks for what is to come, and gets it the moment it is there.
func TestBlockingReload(t *testing.T) {
	s := newScript(t, stageOptions{}, "format=ll")
	s.play(t, 2500*time.Millisecond)
	l := s.settled(t, s.video, 2, 1)
	msn, part := l.lastPlace()
	for step := range 12 {
		got := make(chan answer, 2)
		directives := fmt.Sprintf("&_HLS_msn=%d&_HLS_part=%d", msn, part+1)
		go func() { got <- s.fetch(t, http.MethodGet, s.video+directives) }()
		go func() { got <- s.fetch(t, http.MethodGet, resolve(t, s.video, l.hint)) }()
		if step == 0 { // later the packager may be ahead of this test
			s.await(t, func() bool { return s.count(t, "millrace_hls_waiting_requests", nil) == 2 })
		}
		s.play(t, 2800*time.Millisecond+time.Duration(step)*250*time.Millisecond)
		s.finishPart(t, got)
		l = s.list(t, s.video, "")
		msn, part = l.lastPlace()
	}
	if msn < 3 {
		t.Errorf("it has come to %d.%d only", msn, part)
	}
}

// finishPart writes frames until both waiting requests are answered: the
// playlist lists what it was asked for, and the hinted part is a part.
func (s *script) finishPart(t testing.TB, got chan answer) {
	t.Helper()
	for answers := 0; answers < 2; {
		select {
		case a := <-got:
			answers++
			if a.status != http.StatusOK {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			if strings.HasPrefix(a.body, "#EXTM3U") {
				read(t, a.body).conforms(t)
			} else if a.header.Get("Content-Type") != "video/mp4" || !strings.Contains(a.body[:8], "moof") {
				t.Errorf("the hinted part is %s", a.header)
			}
		case <-time.After(patience):
			t.Fatal("what was waited for did not come")
		}
	}
}

func TestDeltaUpdates(t *testing.T) {
	s := newScript(t, stageOptions{}, "format=ll")
	// The clip once more behind itself makes a playlist that is long enough.
	more := frames(t)
	for _, f := range more {
		f.DTS += media.Time(10 * time.Second)
		f.PTS += media.Time(10 * time.Second)
	}
	s.rest = append(s.rest, more...)
	s.play(t, 19*time.Second)
	for msn := range int64(10) { // no further ahead than is permitted
		s.settled(t, s.video, msn, 0)
	}
	full, short := s.settled(t, s.video, 10, 0), s.list(t, s.video, "_HLS_msn=10&_HLS_part=0&_HLS_skip=YES")
	if full.skipped != 0 || short.skipped != 3 || len(short.segments) != len(full.segments)-3 || short.sequence != full.sequence {
		t.Fatalf("skipped %d of %d\n%s", short.skipped, len(full.segments), short.text)
	}
	for i, seg := range short.segments {
		if seg.uri != full.segments[i+3].uri {
			t.Errorf("segment %d is %s, want %s", i, seg.uri, full.segments[i+3].uri)
		}
	}
	if first := short.segments[0]; strings.Contains(short.text, "EXT-X-MAP") || len(first.parts) != 0 {
		t.Errorf("what was skipped leaves\n%s", short.text)
	}
}

func TestDirectivesAreRefused(t *testing.T) {
	s := newScript(t, stageOptions{}, "format=ll")
	s.play(t, 2500*time.Millisecond)
	l := s.settled(t, s.video, 2, 0)
	msn, part := l.lastPlace()
	for _, c := range []struct {
		address string
		status  int
		why     reason.Reason
	}{
		{s.video + fmt.Sprintf("&_HLS_msn=%d", msn+3), 400, reason.BadRequest},
		{s.video + fmt.Sprintf("&_HLS_msn=%d&_HLS_part=%d", msn, part+99), 400, reason.BadRequest},
		{s.video + "&_HLS_part=1", 400, reason.BadRequest},
		{s.video + "&_HLS_msn=-1", 400, reason.BadRequest},
		{s.video + "&_HLS_msn=99999999999999999999", 400, reason.BadRequest},
		{s.video + "&_HLS_msn=0&_HLS_part=x", 400, reason.BadRequest},
		{s.video + "&_HLS_skip=maybe", 400, reason.BadRequest},
		{s.video[:strings.IndexByte(s.video, '?')], 403, reason.UnknownSession},
		{s.video + "X", 403, reason.UnknownSession},
		{strings.Replace(s.video, "/demo/", "/other/", 1), 403, reason.UnknownSession},
		{strings.Replace(s.video, "index.m3u8", "audio.m3u8", 1), 404, reason.NotFound},
		{"/live/demo.m3u8?format=avi", 400, reason.BadRequest},
		{resolve(t, s.video, l.segments[0].uri+"x"), 404, reason.NotFound},
		{strings.Replace(resolve(t, s.video, l.segments[0].uri), "m1.m4s", "m99.m4s", 1), 404, reason.NotFound},
		{strings.Replace(resolve(t, s.video, l.segments[0].uri), "m1.m4s", "m2.99.m4s", 1), 404, reason.NotFound},
		{strings.Replace(resolve(t, s.video, l.segments[0].uri), "m1.m4s", "m2.m4s", 1), 404, reason.NotFound}, // not complete
		{strings.Replace(resolve(t, s.video, l.segments[0].uri), "/demo/", "/other/", 1), 404, reason.NotFound},
	} {
		a := s.fetch(t, http.MethodGet, c.address)
		if a.status != c.status || !strings.Contains(a.body, `"reason":"`+string(c.why)+`"`) {
			t.Errorf("%s: %d %s", c.address, a.status, a.body)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", c.address, a.header)
		}
	}
}

// TestHeaders is what a cache in front goes by, and a page of another origin.
func TestHeaders(t *testing.T) {
	s := newScript(t, stageOptions{start: func(w *httptest.Server) { w.EnableHTTP2 = true; w.StartTLS() }}, "format=ll")
	s.play(t, 2500*time.Millisecond)
	l := s.settled(t, s.video, 2, 0)
	segment := resolve(t, s.video, l.segments[0].uri)
	for address, caching := range map[string]string{
		s.web.URL + "/live/demo.m3u8": "no-store", s.video: "no-store",
		segment: "public, max-age=3600, immutable", resolve(t, s.video, l.segments[0].init): "public, max-age=3600, immutable",
	} {
		a := s.get(t, address)
		if a.header.Get("Cache-Control") != caching || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", address, a.header)
		}
		if o := s.fetch(t, http.MethodOptions, address); o.status != http.StatusNoContent || o.header.Get("Access-Control-Allow-Headers") != "*" {
			t.Errorf("preflight of %s: %d %v", address, o.status, o.header)
		}
		if o := s.fetch(t, http.MethodPut, address); o.status != http.StatusMethodNotAllowed {
			t.Errorf("PUT %s: %d", address, o.status)
		}
		if o := s.fetch(t, http.MethodHead, address); o.status != http.StatusOK || o.body != "" {
			t.Errorf("HEAD %s: %d", address, o.status)
		}
	}
	if strings.Contains(segment, "session") {
		t.Errorf("a viewer's own address: %s", segment)
	}
	other, _ := s.open(t, "format=ll")
	if again := s.list(t, other, ""); other == s.video || again.segments[0].uri != l.segments[0].uri {
		t.Error("viewers do not share segments")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, segment, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=100-199")
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent || resp.ContentLength != 100 || resp.ProtoMajor != 2 {
		t.Errorf("a range: %s %s, %d bytes", resp.Proto, resp.Status, resp.ContentLength)
	}
}
