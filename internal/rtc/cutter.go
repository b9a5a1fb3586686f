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
		n := runOf(c.video[i:], alike)
		for k := 1; k < n; k++ { // a viewer's feedback names packets by their place in a run
			if c.video[i+k].Seq != c.video[i+k-1].Seq+1 {
				n = k
			}
		}
		c.segments = append(c.segments, segment{i, i + n, first.Key && first.Start})
		i += n
	}
}

// runOf returns how many of the first packets can leave in one run: those that
// are alike and equally long, and one that is shorter.
func runOf(pks []*media.Packet, alike func(a, b *media.Packet) bool) int {
	size := len(pks[0].Payload)
	most := min(maxRunPackets, maxRunBytes/(size+maxHeader+gcmTagLen), len(pks))
	n := 1
	for n < most && alike(pks[0], pks[n]) && len(pks[n].Payload) <= size && len(pks[n-1].Payload) == size {
		n++
	}
	return max(n, 1)
}

// alike says whether the headers of a and b are equally long, and viewers that
// want a must want b. Between packets of one access unit there may be one of an
// older one that comes late, and which of them are key may show late as well.
func alike(a, b *media.Packet) bool {
	return b.Time == a.Time && b.Key == a.Key && b.Codec == a.Codec && !(b.Key && b.Start)
}

// sounds says whether packets of sound can share a run: their headers tell
// nothing that not all of them do.
func sounds(a, b *media.Packet) bool { return b.Codec == a.Codec && b.Key == a.Key }
