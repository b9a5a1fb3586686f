package rtc

import (
	"millrace/internal/media"
	"millrace/internal/reason"
)

// An outbox collects sealed packets and sends them in few system calls. It
// belongs to one shard.
//
// A datagram run is a row of packets for one viewer, all segment bytes long
// but the last, which may be shorter: one UDP_SEGMENT send.
type outbox struct {
	socket *socket
	arena  []byte // packets of the runs that wait
	runs   []run
	limit  int // runs per flush
	sent   outboxCount
	iv     [12]byte
	at     int64 // Unix ns, about when the runs that wait were sealed
}

type run struct {
	path     *path
	from, to int // in arena
	segment  int
}

// pieces is how many datagrams r is.
func (r *run) pieces() int { return (r.to - r.from + r.segment - 1) / r.segment }

// outboxCount counts what happened since it was last taken.
type outboxCount struct {
	packets, bytes, calls uint64
	dropped               map[reason.Reason]uint64 // also what its shard never sealed
}

const (
	// arenaSize holds a few viewers' key frame pieces.
	arenaSize = 512 << 10
	// maxRuns is the longest sendmmsg. Audio of many viewers goes out in ones
	// that long; video flushes at videoRuns, so that no viewer waits for many
	// others to be sealed.
	maxRuns   = 64
	videoRuns = 4
	// videoPackets is how many packets video may seal before it flushes where
	// its runs are short: a publisher's packets often come one by one.
	videoPackets = 32
	// A run never exceeds what one UDP datagram's length field and the oldest
	// kernels with UDP_SEGMENT take.
	maxRunBytes   = 65507
	maxRunPackets = 55
)

func newOutbox(s *socket) *outbox {
	return &outbox{
		socket: s, arena: make([]byte, 0, arenaSize), runs: make([]run, 0, maxRuns), limit: maxRuns,
		sent: outboxCount{dropped: map[reason.Reason]uint64{}},
	}
}

// begin makes room for a run of at most n bytes and returns where it starts.
func (o *outbox) begin(n int) int {
	if len(o.runs) >= o.limit || len(o.arena)+n > cap(o.arena) {
		o.flush()
	}
	if len(o.runs) == 0 {
		o.at = media.Now()
	}
	return len(o.arena)
}

// end closes the run that started at from; its bytes are o.arena[from:].
func (o *outbox) end(p *path, from, segment int) {
	if len(o.arena) > from {
		o.runs = append(o.runs, run{p, from, len(o.arena), segment})
	}
}

// flush sends all runs.
func (o *outbox) flush() {
	if len(o.runs) == 0 {
		o.arena = o.arena[:0]
		return
	}
	keep := o.runs[:0]
	for _, r := range o.runs {
		o.sent.packets += uint64(r.pieces())
		o.sent.bytes += uint64(r.to - r.from)
		if r.path.stream == nil {
			keep = append(keep, r)
			continue
		}
		for at := r.from; at < r.to; at += r.segment {
			if !r.path.stream.enqueue(o.arena[at:min(at+r.segment, r.to)]) {
				o.sent.dropped[reason.QueueFull]++
			}
		}
	}
	o.runs = keep
	if len(o.runs) > 0 {
		calls, failed := o.socket.send(o.arena, o.runs)
		o.sent.calls += uint64(calls)
		if failed > 0 {
			o.sent.dropped[reason.SendFailed] += uint64(failed)
		}
	}
	o.runs, o.arena = o.runs[:0], o.arena[:0]
}
