package flv

import "millrace/internal/media"

// Decoder makes frames of the bodies of tags, which RTMP messages have as well.
// The zero value is ready. One goroutine uses it.
type Decoder struct {
	clock clock
	video videoTrack
	audio audioTrack
}

// Frame returns the frame in a body of the given type of tag (8 or 9), or nil
// when it holds none; other types hold none. It takes the body over. Times are on
// the source's scale, with what wraps around unrolled.
func (d *Decoder) Frame(kind byte, timestamp uint32, body []byte) (*media.Frame, error) {
	switch kind {
	case tagVideo:
		return d.video.frame(body, d.clock.place(timestamp))
	case tagAudio:
		return d.audio.frame(body, d.clock.place(timestamp))
	}
	return nil, nil
}

// Tracks returns the tracks as described last; nil for those not seen yet.
func (d *Decoder) Tracks() (video, audio *media.Track) { return d.video.track, d.audio.track }

// clock unwraps 32-bit milliseconds.
type clock struct {
	last  uint32
	total int64
	any   bool
}

// place returns the unwrapped time of a timestamp: the one nearest to the last.
func (c *clock) place(ms uint32) media.Time {
	if !c.any {
		c.any, c.total = true, int64(ms)
	} else {
		c.total += int64(int32(ms - c.last))
	}
	c.last = ms
	return media.Time(c.total * 1e6)
}
