package load

import (
	"testing"

	"github.com/pion/rtcp"
)

func TestReportsCountLosses(t *testing.T) {
	var r reports
	if r.make(0) != nil {
		t.Error("there is a report before the first packet")
	}
	for _, seq := range []uint16{65534, 65535, 1, 2} {
		r.count(header{seq: seq, ssrc: 9})
	}
	r.heard(&rtcp.SenderReport{SSRC: 9, NTPTime: 0x0001_2345_6789_abcd}, 1e9)
	got := r.make(3e9 / 2)[0]
	want := rtcp.ReceptionReport{SSRC: 9, FractionLost: 51, TotalLost: 1, LastSequenceNumber: 65538, LastSenderReport: 0x2345_6789, Delay: 32768}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	r.count(header{seq: 3, ssrc: 9})
	if got := r.make(2e9)[0]; got.FractionLost != 0 || got.TotalLost != 1 {
		t.Errorf("after it: %+v", got)
	}
}
