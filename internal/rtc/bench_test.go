package rtc

import (
	"context"
	"flag"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

var via = flag.String("via", "", "an IPv4 address of another interface, which BenchmarkTurn sends to instead of to sockets on loopback")

// crowd is a bench with n viewers at the live edge, and a batch in its log that
// replay forwards as often as wanted: a picture of 9.5 KB and two sounds.
type crowd struct {
	*bench
	g       *group
	from    int64
	packets int // per viewer and replay
	sinks   []*net.UDPConn
}

func newCrowd(b testing.TB, n int, method SendMethod, profile srtp.ProtectionProfile) *crowd {
	b.Helper()
	c := deafCrowd(b, n, method, profile)
	for _, s := range c.sinks {
		go drain(s)
	}
	return c
}

// deafCrowd is newCrowd without anybody who reads what is sent.
func deafCrowd(b testing.TB, n int, method SendMethod, profile srtp.ProtectionProfile) *crowd {
	b.Helper()
	addr := "127.0.0.1:0"
	if *via != "" {
		addr = "0.0.0.0:0"
	}
	c := &crowd{bench: newBenchAt(b, method, addr)}
	c.now = time.Now().Add(time.Hour) // never stale
	c.write(0, true, 30_000)
	sel := videoOnly()
	sel.Audio = &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus}
	salt := gcmSaltLen
	if profile != srtp.ProtectionProfileAeadAes128Gcm {
		salt = cmSaltLen
	}
	key, s := masterKeys(salt)
	for range n {
		v := c.viewer(sel)
		var err error
		v.out, err = newProtection(profile, key, s, true)
		must(b, err)
		sink, to := sinkOf(b, "udp4", "127.0.0.1")
		v.session.path.Store(newPath(to, false))
		c.sinks = append(c.sinks, sink)
		c.sh.join(v, c.now.UnixNano())
	}
	c.turn(time.Second)
	for _, g := range c.sh.groups {
		c.g = g
	}
	for _, v := range c.g.viewers {
		if v.phase != liveEdge {
			b.Fatalf("a viewer in phase %d", v.phase)
		}
	}
	c.from = c.g.packets.Head()
	c.write(40*ms, false, 9500)
	for _, at := range []time.Duration{40 * ms, 60 * ms} {
		f := sound(testOpus, at)
		f.Arrived = c.now.Add(at).UnixNano()
		must(b, c.pub.Write(f))
	}
	c.packets = int(c.g.packets.Head() - c.from)
	return c
}

// takes makes packets of a publisher that brings packets what is forwarded: one
// picture whose packets have the given sizes.
func (c *crowd) takes(sizes ...int) {
	c.t.Helper()
	c.pub.Close(reason.ClosedByPeer)
	c.src = newFeed(c.t, c.hub, false)
	c.src.write(c.src.picture(0, true, 500, c.now)...)
	c.sh.forward(c.g)
	c.from = c.g.packets.Head()
	for i, size := range sizes {
		c.src.write(&media.Packet{
			Seq: int64(100 + i), Time: media.Time(pictureEvery), Codec: media.H264, Start: i == 0, Marker: i == len(sizes)-1,
			Arrived: c.now.UnixNano(), Payload: numbered(media.Video, int64(i), size),
		})
	}
	c.packets = len(sizes)
}

// A picture as Chromium cuts it: packets of two sizes, a byte apart.
var (
	cutByChromium = []int{1130, 1130, 1130, 1130, 1130, 1130, 1130, 1131, 1131, 1131, 1131, 1131, 1131, 1131, 1131, 1131}
	cutEqually    = []int{1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130, 1130}
)

// drain reads until the sink is closed.
func drain(sink *net.UDPConn) {
	buf := make([]byte, 1<<12)
	for {
		if _, err := sink.Read(buf); err != nil {
			return
		}
	}
}

func (c *crowd) replay() {
	c.g.cursor = c.from
	for _, v := range c.g.viewers { // numbers go on: no nonce is used twice
		v.video.jump, v.audio.jump = true, true
	}
	c.sh.forward(c.g)
}

// Per packet and viewer nothing is allocated.
func TestForwardDoesNotAllocate(t *testing.T) {
	for _, method := range sendMethods {
		c := newCrowd(t, 20, method, srtp.ProtectionProfileAeadAes128Gcm)
		c.replay()
		if n := testing.AllocsPerRun(20, c.replay); n != 0 {
			t.Errorf("%s: %v allocations for %d packets to 20 viewers", method, n, c.packets)
		}
		c.takes(cutByChromium...)
		if n := testing.AllocsPerRun(20, c.replay); n != 0 {
			t.Errorf("%s: %v allocations for %d packets of a publisher's", method, n, c.packets)
		}
	}
}

// BenchmarkForwardPackets is BenchmarkForward for a picture that a WebRTC
// publisher sent, at once and packet by packet.
func BenchmarkForwardPackets(b *testing.B) {
	for _, tt := range []struct {
		name  string
		sizes []int
	}{{"chromium", cutByChromium}, {"equal", cutEqually}, {"single", cutEqually[:1]}} {
		b.Run(tt.name, func(b *testing.B) {
			c := newCrowd(b, 100, SendAuto, srtp.ProtectionProfileAeadAes128Gcm)
			c.takes(tt.sizes...)
			b.ReportAllocs()
			for b.Loop() {
				c.replay()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(c.packets*100), "ns/packet")
		})
	}
}

// BenchmarkForward is what one turn of a shard costs, sealed and sent over
// loopback to sockets that somebody reads, per packet and viewer.
func BenchmarkForward(b *testing.B) {
	for _, tt := range []struct {
		method  SendMethod
		profile srtp.ProtectionProfile
		n       int
	}{
		{SendGSO, srtp.ProtectionProfileAeadAes128Gcm, 200},
		{SendGSO, srtp.ProtectionProfileAeadAes128Gcm, 50},
		{SendBatch, srtp.ProtectionProfileAeadAes128Gcm, 200},
		{SendPlain, srtp.ProtectionProfileAeadAes128Gcm, 200},
		{SendGSO, srtp.ProtectionProfileAes128CmHmacSha1_80, 200},
	} {
		b.Run(fmt.Sprintf("%s/%s/viewers=%d", tt.method, tt.profile, tt.n), func(b *testing.B) {
			c := newCrowd(b, tt.n, tt.method, tt.profile)
			b.ReportAllocs()
			for b.Loop() {
				c.replay()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(c.packets*tt.n), "ns/packet")
		})
	}
}

// BenchmarkSeal is the cipher and the header alone.
func BenchmarkSeal(b *testing.B) {
	c := newCrowd(b, 1, SendAuto, srtp.ProtectionProfileAeadAes128Gcm)
	v, pk, o := c.g.viewers[0], c.g.packets.At(c.from), c.sh.out
	b.ReportAllocs()
	for b.Loop() {
		v.video.jump = true
		o.arena = o.arena[:0]
		v.seal(o, v.video, pk, pk.Payload, v.video.format.PT)
	}
}

// BenchmarkRewind is the burst of a join: a key frame of 30 KB and what follows.
func BenchmarkRewind(b *testing.B) {
	c := newCrowd(b, 1, SendAuto, srtp.ProtectionProfileAeadAes128Gcm)
	v := c.g.viewers[0]
	b.ReportAllocs()
	for b.Loop() {
		c.sh.rewind(c.g, v, c.now.UnixNano())
		c.sh.out.flush()
	}
}

// BenchmarkHandshake is both sides of a DTLS handshake, and the keys of all that
// follows.
func BenchmarkHandshake(b *testing.B) {
	cert, fingerprint, err := newCertificate()
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		var server, client *pipe
		g := &gate{places: 2}
		server = newPipe(func(d []byte) { client.deliver(d) }, g)
		client = newPipe(func(d []byte) { server.deliver(d) }, g)
		done := make(chan error, 1)
		go func() {
			_, err := handshake(context.Background(), client, cert, fingerprint, true, false)
			done <- err
		}()
		_, err := handshake(context.Background(), server, cert, fingerprint, false, false)
		must(b, err)
		must(b, <-done)
	}
}
