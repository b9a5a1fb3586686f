package rtc

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// stock seals n packets of pictures in advance, eight to each.
func (st *studio) stock(n int) [][]byte {
	st.t.Helper()
	var all [][]byte
	nal := append([]byte{0x41}, bytes.Repeat([]byte{7}, 1100)...)
	for i := range n {
		p := videoPacket(uint16(101+i), 9000+3600*uint32(1+i/8), nal)
		p.Marker = i%8 == 7
		must(st.t, p.SetExtension(5, []byte{byte(i >> 8), byte(i)}))
		all = append(all, st.seal(p))
	}
	return all
}

// A received packet costs the memory that it is kept in, and no more.
func TestIngestAllocations(t *testing.T) {
	st := newStudio(t, ordinaryReception(), srtp.ProtectionProfileAeadAes128Gcm)
	st.begin()
	all, i := st.stock(4000), 0
	take := func() {
		st.at.since += int64(time.Millisecond)
		st.at.unix += int64(time.Millisecond)
		if !st.in.onRTP(all[i], st.at) {
			t.Fatal("it is refused")
		}
		i++
	}
	for range 1000 {
		take()
	}
	if n := testing.AllocsPerRun(2500, take); n > 2 {
		t.Fatalf("%v allocations", n)
	}
}

// BenchmarkIngest is what one packet of a publisher costs, from the socket's
// buffer into the log, without the system call.
func BenchmarkIngest(b *testing.B) {
	for name, profile := range map[string]srtp.ProtectionProfile{
		"gcm": srtp.ProtectionProfileAeadAes128Gcm, "cm": srtp.ProtectionProfileAes128CmHmacSha1_80,
	} {
		b.Run(name, func(b *testing.B) {
			st := newStudio(b, ordinaryReception(), profile)
			st.begin()
			const batch = 4096
			var all [][]byte
			next := 0
			b.ReportAllocs()
			for b.Loop() {
				if next == len(all) {
					b.StopTimer()
					all, next = st.more(batch), 0
					b.StartTimer()
				}
				st.at.since += int64(time.Millisecond)
				st.at.unix += int64(time.Millisecond)
				if !st.in.onRTP(all[next], st.at) {
					b.Fatal("it is refused")
				}
				next++
			}
		})
	}
}

// more seals the next n packets.
func (st *studio) more(n int) [][]byte {
	l := st.in.tracks[0].layers[0]
	seq, ts := l.have.next, uint32(l.clock.ticks)
	nal := append([]byte{0x41}, bytes.Repeat([]byte{7}, 1100)...)
	all := make([][]byte, 0, n)
	for i := range n {
		all = append(all, st.seal(&rtp.Packet{Header: rtp.Header{
			PayloadType: videoPT, SequenceNumber: uint16(seq) + uint16(i), Timestamp: ts + uint32(i+1)*90, SSRC: videoSSRC,
			Marker: i%8 == 7,
		}, Payload: nal}))
	}
	return all
}

// FuzzIngest feeds a publisher's authentic packets of any content.
func FuzzIngest(f *testing.F) {
	key := keyPicture(f)
	add := func(p *rtp.Packet) {
		p.Version = 2
		raw, err := p.Marshal()
		must(f, err)
		f.Add(raw, uint16(0))
	}
	add(videoPacket(101, 12600, key))
	add(videoPacket(101, 12600, []byte{0x7c, 0x85, 1, 2, 3}))
	add(videoPacket(103, 12600, []byte{24, 0, 9, 1}))
	p := videoPacket(7, 0, []byte{0, 102, 0x41, 1, 2})
	p.SSRC, p.PayloadType = rtxSSRC, rtxPT
	add(p)
	p = videoPacket(8, 0, []byte{0})
	p.SSRC, p.PayloadType, p.Padding, p.PaddingSize = rtxSSRC, rtxPT, true, 255
	add(p)
	p = videoPacket(102, 1, key)
	p.SSRC = 0xdeadbeef
	must(f, p.SetExtension(1, []byte("1")))
	must(f, p.SetExtension(5, []byte{1, 2}))
	add(p)
	p = videoPacket(102, 1, key)
	p.Extension, p.ExtensionProfile = true, rtp.ExtensionProfileTwoByte
	must(f, p.SetExtension(1, []byte("1")))
	add(p)
	add(soundPacket(40000, 1<<31))
	f.Fuzz(func(t *testing.T, raw []byte, step uint16) {
		st := newStudio(t, everything(), srtp.ProtectionProfileAeadAes128Gcm)
		log := st.begin()
		for range 3 {
			sealed, err := st.peer.EncryptRTP(nil, raw, nil)
			if err != nil {
				return
			}
			st.at.since += int64(step) * int64(time.Millisecond)
			st.in.onRTP(sealed, st.at)
			st.in.onRTP(raw, st.at)
			st.in.tick(st.at)
			if len(raw) > 3 {
				raw[3]++
				raw[2] += byte(step)
			}
		}
		for pos := int64(0); pos < log.Head(); pos++ {
			if pk := log.At(pos); pk == nil || len(pk.Payload) == 0 || pk.Key && pk.Kind != 0 {
				t.Fatalf("position %d holds %+v", pos, pk)
			}
		}
		if len(st.in.sources) > maxSources || len(st.in.tracks[0].received()) > 3 {
			t.Fatal("there is more than there may be")
		}
	})
}
