package rtc

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"golang.org/x/sys/unix"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// threadTime is the processor time of the calling thread, in ns. Unlike the
// time of day it bears a machine that others use as well.
func threadTime(b *testing.B) int64 {
	var t unix.Timespec
	must(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return t.Nano()
}

// swallow takes all that has come from the crowd's sinks.
func (c *crowd) swallow(fds []int) {
	var one [1]byte
	for _, fd := range fds {
		for {
			if _, _, err := unix.Recvfrom(fd, one[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC); err != nil {
				break
			}
		}
	}
}

func (c *crowd) descriptors(b *testing.B) []int {
	var fds []int
	for _, s := range c.sinks {
		rc, err := s.SyscallConn()
		must(b, err)
		must(b, rc.Control(func(fd uintptr) { fds = append(fds, int(fd)) }))
	}
	return fds
}

// leadAway has viewers sent to by way of another interface.
func (c *crowd) leadAway(b *testing.B) {
	to, err := netip.ParseAddr(*via)
	must(b, err)
	for i, v := range c.g.viewers {
		v.session.path.Store(newPath(netip.AddrPortFrom(to, uint16(20_000+i)), false))
	}
}

// BenchmarkTurn is the processor time of one turn of a shard per packet and
// viewer, the best tenth of all turns: what a turn costs when nothing else
// disturbs it. floor is what no server can save: the same bytes sealed with one
// key, and sent in the same calls. Over loopback a turn pays for the receivers'
// kernel as well; -args -via ADDRESS shows what an interface's driver sees.
func BenchmarkTurn(b *testing.B) {
	for _, kind := range []string{"all", "floor", "audio", "video"} {
		for _, n := range []int{50, 200, 400} {
			b.Run(fmt.Sprintf("%s/viewers=%d", kind, n), func(b *testing.B) { benchmarkTurn(b, kind, n) })
		}
	}
}

func benchmarkTurn(b *testing.B, kind string, n int) {
	c := deafCrowd(b, n, SendAuto, srtp.ProtectionProfileAeadAes128Gcm)
	if *via != "" {
		c.leadAway(b)
	}
	fds := c.descriptors(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if kind != "all" && kind != "floor" { // the log has the picture first, then the sound
		head := c.g.packets.Head()
		for c.from < head && kind == "audio" && c.g.packets.At(c.from).Kind == media.Video {
			c.from++
		}
		c.packets = int(head - c.from)
	}
	var turns []int64
	for b.Loop() {
		c.swallow(fds)
		c.g.cursor = c.from
		for _, v := range c.g.viewers {
			v.video.jump, v.audio.jump = true, true
		}
		if kind == "floor" {
			c.sh.gather(c.g, c.g.packets.Head(), time.Now().UnixNano())
			before := threadTime(b)
			c.sendBare()
			turns = append(turns, threadTime(b)-before)
			continue
		}
		if kind == "video" {
			c.sh.gather(c.g, c.g.packets.Head(), time.Now().UnixNano())
			c.packets = len(c.sh.cut.video)
			before := threadTime(b)
			c.sh.forwardVideo(c.g)
			c.sh.out.flush()
			turns = append(turns, threadTime(b)-before)
			continue
		}
		before := threadTime(b)
		c.sh.forward(c.g)
		turns = append(turns, threadTime(b)-before)
	}
	if failed := c.sh.out.sent.dropped[reason.SendFailed]; failed > 0 {
		b.Fatalf("%d datagrams could not be sent", failed)
	}
	slices.Sort(turns)
	b.ReportMetric(float64(turns[len(turns)/10])/float64(c.packets*n), "cpu-ns/packet")
	b.ReportMetric(float64(turns[len(turns)/2])/float64(c.packets*n), "p50-cpu-ns/packet")
}

// sendBare sends what a turn of the shard would, but for headers and numbers,
// and seals it all with one key.
func (c *crowd) sendBare() {
	o, aead, header := c.sh.out, c.g.viewers[0].out.rtp, make([]byte, rtpHeaderLen)
	send := func(v *viewer, pks []*media.Packet) {
		from := o.begin(len(pks) * (maxHeader + len(pks[0].Payload) + gcmTagLen))
		for _, pk := range pks {
			o.arena = append(o.arena, header...)
			o.arena = aead.Seal(o.arena, o.iv[:], pk.Payload, header)
		}
		o.end(v.session.path.Load(), from, rtpHeaderLen+len(pks[0].Payload)+gcmTagLen)
	}
	o.limit = maxRuns
	for _, v := range c.g.viewers {
		send(v, c.sh.cut.audio)
	}
	o.flush()
	o.limit = videoRuns
	for _, v := range c.g.viewers {
		for _, s := range c.sh.cut.segments {
			send(v, c.sh.cut.video[s.from:s.to])
		}
	}
	o.flush()
}
