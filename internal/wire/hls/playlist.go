package hls

import (
	"math"
	"strconv"
	"time"
)

// Playlist is one rendition's media playlist at one moment.
type Playlist struct {
	// Target is EXT-X-TARGETDURATION, in seconds.
	Target int
	// PartTarget is the most that a part lasts. 0: no parts are listed, and
	// nothing of Low-Latency HLS.
	PartTarget time.Duration
	// Sequence is the media sequence number of the first segment, and
	// Discontinuities how many discontinuities lie before it.
	Sequence, Discontinuities int64
	// Segments are those that are complete, and Open is the one whose parts
	// are being made, if there are any yet.
	Segments []Segment
	Open     *Segment
	// Hint is the address of the part to come, "" for none.
	Hint string
	// Ended says that nothing follows.
	Ended bool
}

// Segment is an entry of a Playlist. Addresses are relative to the playlist's.
type Segment struct {
	URI string
	// Init is the address of the initialization section, "" for MPEG-TS.
	Init     string
	Duration time.Duration
	// At is the capture time of the first frame. The zero value leaves it out.
	At time.Time
	// Discontinuity says that formats, times or the source change here.
	Discontinuity bool
	// Independent says that decoding can start with the segment.
	Independent bool
	// Gap says that there is no media in it.
	Gap   bool
	Parts []Part
}

// Part is a Partial Segment (8216bis section 3.1.1).
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
}

// In units of the target they are named after.
const (
	// partHoldBack is how far from the end players stay: 8216bis section
	// 4.4.3.8 wants at least twice the part target, and recommends three times.
	partHoldBack = 3
	// skipBoundary is the least that is permitted there.
	skipBoundary = 6
	// startBack is where players begin that do not take parts, in targets. RFC 8216
	// sections 4.3.5.2 and 6.3.3 would have three, which makes up to four of delay: a
	// playlist is as much as a segment old. With segments of 2 s the delay is 4.7 to
	// 5.3 s with two, and could not stay within 6 s with three. Blocking reloads,
	// without which it would be close, say of each segment as soon as it is there.
	startBack = 2
	// partsListed is for how long before the end parts are listed (section 4.4.4.9).
	partsListed = 3
)

// Skippable is how many segments a delta update leaves out (8216bis section
// 6.2.5.1): those that lie wholly before the skip boundary.
func (p *Playlist) Skippable() int {
	left := time.Duration(p.Target) * time.Second * skipBoundary
	if p.Open != nil {
		left -= p.Open.length()
	}
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if left <= 0 {
			return i + 1
		}
		left -= p.Segments[i].Duration
	}
	return 0
}

// Append renders the playlist. skip asks for a delta update, which is left at a
// whole playlist where there is nothing to leave out.
func (p *Playlist) Append(dst []byte, skip bool) []byte {
	skipped := 0
	if skip && p.PartTarget > 0 {
		skipped = p.Skippable()
	}
	dst = p.appendHead(dst)
	if skipped > 0 {
		dst = appendLine(dst, "#EXT-X-SKIP:SKIPPED-SEGMENTS=", strconv.Itoa(skipped))
	}
	left := p.length() - partsListed*time.Duration(p.Target)*time.Second
	last := ""
	for i := range p.Segments {
		s := &p.Segments[i]
		left -= s.Duration
		if i >= skipped {
			dst = s.appendHead(dst, last)
			if p.PartTarget > 0 && left < 0 {
				dst = s.appendParts(dst)
			}
			dst = s.appendTail(dst)
		}
		if s.Init != "" {
			last = s.Init
		}
	}
	switch {
	case p.Ended:
		return appendLine(dst, "#EXT-X-ENDLIST")
	case p.PartTarget == 0:
		return dst
	}
	if p.Open != nil {
		dst = p.Open.appendParts(p.Open.appendHead(dst, last))
	}
	if p.Hint != "" {
		dst = appendLine(dst, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`, p.Hint, `"`)
	}
	return dst
}

func (p *Playlist) appendHead(dst []byte) []byte {
	version := "3"
	switch {
	case p.PartTarget > 0:
		version = "9" // EXT-X-SKIP
	case len(p.Segments) > 0 && p.Segments[0].Init != "":
		version = "6" // EXT-X-MAP
	}
	dst = appendLine(dst, "#EXTM3U")
	dst = appendLine(dst, "#EXT-X-VERSION:", version)
	dst = appendLine(dst, "#EXT-X-TARGETDURATION:", strconv.Itoa(p.Target))
	if p.PartTarget > 0 {
		dst = appendLine(dst, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=", seconds(partHoldBack*p.PartTarget),
			",CAN-SKIP-UNTIL=", seconds(time.Duration(skipBoundary*p.Target)*time.Second))
		dst = appendLine(dst, "#EXT-X-PART-INF:PART-TARGET=", seconds(p.PartTarget))
	} else if !p.Ended {
		dst = appendLine(dst, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")
		dst = appendLine(dst, "#EXT-X-START:TIME-OFFSET=-", strconv.Itoa(startBack*p.Target))
	}
	dst = appendLine(dst, "#EXT-X-MEDIA-SEQUENCE:", strconv.FormatInt(p.Sequence, 10))
	dst = appendLine(dst, "#EXT-X-DISCONTINUITY-SEQUENCE:", strconv.FormatInt(p.Discontinuities, 10))
	if p.independent() {
		dst = appendLine(dst, "#EXT-X-INDEPENDENT-SEGMENTS")
	}
	return dst
}

// independent says whether decoding can start with each of the segments.
func (p *Playlist) independent() bool {
	for i := range p.Segments {
		if !p.Segments[i].Independent {
			return false
		}
	}
	return p.Open == nil || p.Open.Independent
}

// length is how long all that is listed lasts.
func (p *Playlist) length() (sum time.Duration) {
	for i := range p.Segments {
		sum += p.Segments[i].Duration
	}
	if p.Open != nil {
		sum += p.Open.length()
	}
	return sum
}

// length is how long the parts that are there last.
func (s *Segment) length() (sum time.Duration) {
	for i := range s.Parts {
		sum += s.Parts[i].Duration
	}
	return sum
}

// appendHead renders what stands before a segment; last is the initialization
// section in force.
func (s *Segment) appendHead(dst []byte, last string) []byte {
	if s.Discontinuity {
		dst = appendLine(dst, "#EXT-X-DISCONTINUITY")
	}
	if s.Init != "" && s.Init != last {
		dst = appendLine(dst, `#EXT-X-MAP:URI="`, s.Init, `"`)
	}
	if !s.At.IsZero() {
		dst = appendLine(dst, "#EXT-X-PROGRAM-DATE-TIME:", s.At.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return dst
}

func (s *Segment) appendParts(dst []byte) []byte {
	for i := range s.Parts {
		part := &s.Parts[i]
		independent := ""
		if part.Independent {
			independent = ",INDEPENDENT=YES"
		}
		dst = appendLine(dst, "#EXT-X-PART:DURATION=", seconds(part.Duration), `,URI="`, part.URI, `"`, independent)
	}
	return dst
}

func (s *Segment) appendTail(dst []byte) []byte {
	if s.Gap {
		dst = appendLine(dst, "#EXT-X-GAP")
	}
	dst = appendLine(dst, "#EXTINF:", seconds(s.Duration), ",")
	return appendLine(dst, s.URI)
}

// seconds writes d to the microsecond.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(math.Round(d.Seconds()*1e6)/1e6, 'f', -1, 64)
}

func appendLine(dst []byte, parts ...string) []byte {
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return append(dst, '\n')
}
