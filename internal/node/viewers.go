package node

import (
	"context"
	"time"

	"millrace/internal/console"
	"millrace/internal/rtc"
)

// viewers is what the console shows of the viewers of this node.
func (n *node) viewers(ctx context.Context, stream, id string, most int) ([]console.Viewer, int) {
	found, total := n.rtc.Viewers(ctx, rtc.Which{ID: id, Stream: stream}, most)
	list := make([]console.Viewer, len(found))
	for i, v := range found {
		list[i] = console.Viewer{
			ID: v.ID, Stream: v.Stream, Peer: v.Peer, State: v.State, Seconds: time.Since(v.Began).Seconds(),
			RTTMillis: millis(v.RTT), Loss: v.Loss, Lost: v.Lost, EstimateBits: v.Estimate, Measured: v.Measured,
			NetworkQueueMillis: millis(v.NetworkQueue), QueueAgeMillis: millis(v.QueueAge), CaptureToSend: millis(v.CaptureToSend),
			Packets: v.Packets, Bytes: v.Bytes, Nacked: v.Nacked, Resent: v.Resent, PLI: v.PLI, Drops: map[string]uint64{},
		}
		for why, count := range v.Drops {
			list[i].Drops[string(why)] = count
		}
	}
	return list, total
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
