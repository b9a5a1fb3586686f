package load

import "github.com/pion/rtcp"

// reports counts the packets of one SSRC for receiver reports (RFC 3550 section
// 6.4.1 and appendix A.3).
type reports struct {
	ssrc             uint32
	any              bool
	base, highest    uint32 // extended sequence numbers
	received         uint32
	expectedBefore   uint32
	receivedBefore   uint32
	lastReport       uint32 // middle of the NTP time of the last sender report
	lastReportArrive int64
}

func (r *reports) count(h header) {
	if !r.any || h.ssrc != r.ssrc {
		*r = reports{ssrc: h.ssrc, any: true, base: uint32(h.seq), highest: uint32(h.seq)}
	}
	if ahead := int16(h.seq - uint16(r.highest)); ahead > 0 {
		r.highest += uint32(ahead)
	}
	r.received++
}

func (r *reports) heard(sr *rtcp.SenderReport, at int64) {
	r.lastReport, r.lastReportArrive = uint32(sr.NTPTime>>16), at
}

// make returns the report since the last call; none before the first packet.
func (r *reports) make(now int64) []rtcp.ReceptionReport {
	if !r.any {
		return nil
	}
	expected := r.highest - r.base + 1
	missing := max(0, int64(expected)-int64(r.received))
	out := rtcp.ReceptionReport{
		SSRC: r.ssrc, LastSequenceNumber: r.highest, TotalLost: uint32(min(missing, 0x7fffff)), LastSenderReport: r.lastReport,
	}
	if span := expected - r.expectedBefore; span > 0 {
		out.FractionLost = uint8(min(255, max(0, int64(span)-int64(r.received-r.receivedBefore))*256/int64(span)))
	}
	if r.lastReport != 0 {
		out.Delay = uint32((now - r.lastReportArrive) * 65536 / 1e9)
	}
	r.expectedBefore, r.receivedBefore = expected, r.received
	return []rtcp.ReceptionReport{out}
}
