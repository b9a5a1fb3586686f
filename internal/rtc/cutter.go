package rtc

import "millrace/internal/media"

// segment is packets [from, to) of a batch that can leave in one run.
type segment struct {
	from, to int
	key      bool // begins an access unit that decoding can start at
}

// cutter splits batches into segments, with memory that is used again.
type cutter struct {
	audio, video []*media.Packet
	segments     []segment
	bytes        int // of the video's payloads
}

// split fills segments from video.
func (c *cutter) split() {
	c.segments, c.bytes = c.segments[:0], 0
	for _, pk := range c.video {
		c.bytes += len(pk.Payload)
	}
	for i := 0; i < len(c.video); {
		first := c.video[i]
		size := len(first.Payload)
		most := min(maxRunPackets, maxRunBytes/(size+maxHeader+gcmTagLen))
		j := i + 1
		for j < len(c.video) && j-i < most && alike(first, c.video[j]) &&
			len(c.video[j].Payload) <= size && len(c.video[j-1].Payload) == size {
			j++
		}
		c.segments = append(c.segments, segment{i, j, first.Key && first.Start})
		i = j
	}
}

// alike says whether the headers of a and b are equally long, and viewers that
// want a must want b. Between packets of one access unit there may be one of an
// older one that comes late, and which of them are key may show late as well.
func alike(a, b *media.Packet) bool {
	return b.Time == a.Time && b.Key == a.Key && b.Codec == a.Codec && !(b.Key && b.Start)
}
