package rtc

import (
	"encoding/binary"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// feedback reads a compound RTCP packet from the viewer. A reader goroutine
// calls it; what concerns egress is posted to the shard.
func (v *viewer) feedback(plain []byte) {
	if plain = v.takeWide(plain); len(plain) == 0 {
		return
	}
	all, err := rtcp.Unmarshal(plain)
	if err != nil {
		v.session.server.refuse(refusedSRTCP)
		return
	}
	for _, p := range all {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			c := command{kind: cmdNACK, viewer: v, ssrc: p.MediaSSRC}
			for _, pair := range p.Nacks {
				if len(c.lost) < repairBurst {
					c.lost = append(c.lost, pair.PacketList()...)
				}
			}
			v.request(c)
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			v.request(command{kind: cmdPLI, viewer: v})
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			v.request(command{kind: cmdEstimate, viewer: v, estimate: p.Bitrate})
		case *rtcp.ReceiverReport:
			v.receiverReport(p.Reports, media.Now())
		}
	}
}

// request asks the viewer's shard for something.
func (v *viewer) request(c command) {
	if !v.shard.request(c) {
		v.session.server.refuse(refusedFlood)
	}
}

// receiverReport takes the round-trip time and what got lost.
func (v *viewer) receiverReport(reports []rtcp.ReceptionReport, now int64) {
	for i := range reports {
		r := &reports[i]
		kind := media.Video
		if v.audio != nil && r.SSRC == v.audio.ssrc {
			kind = media.Audio
		}
		if v.video == nil || r.SSRC == v.video.ssrc {
			v.lost.Store(r.TotalLost)
		}
		v.line.take(r, kind, now)
	}
}

// cname is the same for all streams of a session (RFC 3550 section 6.5.1).
const cname = "rts"

// report appends a compound of a sender report and a source description for t.
// The RTP timestamp is that of the capture time now, which lets players put
// tracks in step and name the delay.
func (t *sendTrack) report(b []byte, now, clockOffset int64) []byte {
	at := len(b)
	b = append(b, 0x80, 200, 0, 6)
	b = binary.BigEndian.AppendUint32(b, t.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp(now))
	b = binary.BigEndian.AppendUint32(b, t.timestamp(media.Time(now-clockOffset)))
	b = binary.BigEndian.AppendUint32(b, t.packets)
	b = binary.BigEndian.AppendUint32(b, t.octets)
	b = append(b, 0x81, 202, 0, 0)
	from := len(b)
	b = binary.BigEndian.AppendUint32(b, t.ssrc)
	b = append(b, 1, byte(len(cname)))
	b = append(b, cname...)
	b = append(b, 0)
	for (len(b)-at)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[from-2:], uint16((len(b)-from)/4))
	return b
}

// sendReports sends the viewer's sender reports. clockOffset is the stream's
// capture clock: Unix ns of stream time 0.
func (v *viewer) sendReports(o *outbox, now, clockOffset int64) {
	p := v.session.path.Load()
	for _, t := range []*sendTrack{v.video, v.audio} {
		if t == nil || p == nil {
			continue
		}
		var scratch [64]byte
		plain := t.report(scratch[:0], now, clockOffset)
		from := o.begin(len(plain) + 32)
		sealed, err := v.out.sealRTCP(o.arena, plain)
		if err != nil {
			continue
		}
		o.arena = sealed
		o.end(p, from, len(sealed)-from)
	}
}
