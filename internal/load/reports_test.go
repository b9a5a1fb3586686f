package load

import (
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
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

// What is sealed with the keys of a session that had the port before is no fault
// of what comes now.
func TestReportsOfOthersAreStrays(t *testing.T) {
	key, salt := make([]byte, 16), make([]byte, 12)
	in, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{leg: newLeg(), seen: newSeen()}
	v.answer, v.in = &answer{ssrcs: []uint32{9}}, in
	for ssrc, want := range map[uint32][2]uint64{7: {1, 0}, 9: {0, 1}} { // strays, wrong
		v.seen = newSeen()
		report, err := (&rtcp.SenderReport{SSRC: ssrc}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		v.take(append(report, make([]byte, 20)...), 0) // sealed with no key of v's
		if got := [2]uint64{v.strays.Load(), v.wrong.Load()}; got != want {
			t.Errorf("of %d: strays and wrong %v, want %v", ssrc, got, want)
		}
	}
}
