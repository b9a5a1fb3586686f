package rtc

import (
	"maps"
	"time"

	"millrace/internal/reason"
)

// Detail is what is known of a viewer's session at one moment.
type Detail struct {
	// State is connecting, waiting for a key frame, catching_up, live, paced or
	// audio_only.
	State string
	// RTT is the round trip by the viewer's reports; 0: not known.
	RTT time.Duration
	// Loss is the share of packets that the network loses on the first way, over
	// about a second; Lost is how many were lost for good, by the viewer's reports.
	Loss float64
	Lost uint32
	// Estimate is what the viewer's network takes, bit/s; 0: not known. Measured
	// says that it comes from our own measure, not from the viewer's word.
	Estimate int64
	Measured bool
	// Layer is the simulcast layer that is sent, 0 the best; Turns is how often it
	// changed.
	Layer uint8
	Turns int
	// NetworkQueue is how long packets wait at the narrowest place of the network.
	NetworkQueue time.Duration
	// QueueAge is the age of the oldest picture that waits here for the viewer's
	// pace.
	QueueAge time.Duration
	// CaptureToSend is the time from the capture of the newest picture sent to its
	// send.
	CaptureToSend time.Duration
	// Packets and Bytes were sent; Nacked were asked for again, Resent sent again.
	Packets, Bytes, Nacked, Resent, PLI uint64
	// Repairs are the packets asked for again by what became of them, and those
	// sent again unasked: the words of the metric. Redundant is how many packets
	// of sound went out with those before them.
	Repairs   map[string]uint64
	Redundant uint64
	// Drops are packets that were not sent, by reason.
	Drops map[reason.Reason]uint64
}

var phaseNames = map[phase]string{awaitKey: "waiting", catchUp: "catching_up", liveEdge: "live", paced: "paced", audioOnly: "audio_only"}

// detail is called by the viewer's shard.
func (v *viewer) detail(now int64) Detail {
	l := &v.link
	d := Detail{
		State: phaseNames[v.phase], RTT: time.Duration(v.line.rtt.Load()), Loss: v.loss(), Lost: v.line.lost.Load(),
		Estimate: int64(l.estimate()), Measured: l.rate != 0, NetworkQueue: time.Duration(l.standing) * time.Microsecond,
		Layer: v.choice.layer, Turns: v.turns, CaptureToSend: v.behind, Packets: v.totals.packets, Bytes: v.totals.bytes, Nacked: v.totals.nacked,
		Resent: v.totals.resent, PLI: v.totals.pli, Drops: maps.Clone(v.totals.drops),
		Repairs: named(&v.totals.repairs), Redundant: v.totals.red,
	}
	if !v.joined.Load() {
		d.State = "connecting"
		return d
	}
	if v.phase == catchUp || v.phase == paced {
		if pk := v.packets.At(v.pos); pk != nil {
			d.QueueAge = time.Duration(now - pk.Arrived)
		}
	}
	return d
}
