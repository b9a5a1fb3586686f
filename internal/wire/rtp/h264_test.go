package rtp

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

func TestH264Forms(t *testing.T) {
	const stapa, fua, slice, idr = nalSTAPA, nalFUA, 0x41, 0x65
	tests := []struct {
		name  string
		key   bool
		nals  [][]byte
		types []byte // NAL unit type of each payload
	}{
		{"one small slice", false, [][]byte{nal(slice, 300)}, []byte{1}},
		{"key frame that fits", true, [][]byte{nal(idr, 300)}, []byte{stapa}},
		{"large slice", false, [][]byte{nal(slice, 3000)}, []byte{fua, fua, fua}},
		{"large key frame", true, [][]byte{nal(idr, 2500)}, []byte{stapa, fua, fua, fua}},
		{"two small slices", false, [][]byte{nal(slice, 300), nal(slice, 300)}, []byte{stapa}},
		{"SEI before a large slice", false, [][]byte{nal(6, 30), nal(slice, 2000)}, []byte{6, fua, fua}},
		{"exactly one payload", false, [][]byte{nal(slice, MaxPayload)}, []byte{1}},
		{"one byte more", false, [][]byte{nal(slice, MaxPayload+1)}, []byte{fua, fua}},
		{"aggregate exactly full", false, [][]byte{nal(slice, 500), nal(slice, MaxPayload-505)}, []byte{stapa}},
		{"aggregate one byte too large", false, [][]byte{nal(slice, 500), nal(slice, MaxPayload-504)}, []byte{1, 1}},
		{"zero-length unit", false, [][]byte{{}, nal(slice, 10)}, []byte{1}},
		{"types that RTP keeps for itself", false, [][]byte{nal(24, 50), nal(slice, 10), nal(28, 3000), nal(0, 5)}, []byte{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &media.Frame{Track: testVideo, DTS: 5, PTS: 9, Capture: 3, Arrived: 4, Key: tt.key, Data: unit(tt.nals...)}
			packets := New().Packetize(f)
			checkRun(t, f, packets, 0)
			checkFragments(t, packets)
			var types []byte
			for _, p := range packets {
				types = append(types, p.Payload[0]&0x1f)
			}
			if !slices.Equal(types, tt.types) {
				t.Fatalf("payload types %v, want %v", types, tt.types)
			}
			want := unit(slices.DeleteFunc(tt.nals, func(n []byte) bool {
				return len(n) == 0 || n[0]&0x1f == 0 || n[0]&0x1f >= nalSTAPA
			})...)
			if tt.key {
				want = append(params(testVideo), want...)
			}
			same(t, reassemble(t, packets), want)
		})
	}
}

// The header of an aggregate sums up those of its units (RFC 6184 section 5.7.1).
func TestAggregateHeader(t *testing.T) {
	f := &media.Frame{Track: testVideo, Data: unit(nal(0x06, 9), nal(0x41, 9), nal(0x81, 9))}
	packets := New().Packetize(f)
	if len(packets) != 1 || packets[0].Payload[0] != 0x80|0x40|nalSTAPA {
		t.Fatalf("aggregate header %#x", packets[0].Payload[0])
	}
}

// Whatever the units are, a receiver gets exactly them, and the packets keep
// the rules that sending relies on.
func TestH264RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New()
		seq := int64(0)
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			size := rapid.OneOf(rapid.IntRange(1, 40), rapid.IntRange(MaxPayload-6, MaxPayload+6),
				rapid.IntRange(1, 20_000), rapid.IntRange(2*MaxPayload-6, 2*MaxPayload+6))
			var nals [][]byte
			for range rapid.IntRange(1, 8).Draw(t, "units") {
				first := byte(rapid.IntRange(1, 23).Draw(t, "type") | rapid.IntRange(0, 3).Draw(t, "nri")<<5)
				nals = append(nals, nal(first, size.Draw(t, "size")))
			}
			dts := media.Time(rapid.Int64Range(0, 1<<40).Draw(t, "dts"))
			f := &media.Frame{
				Track: testVideo, Key: rapid.Bool().Draw(t, "key"), DTS: dts,
				PTS: dts + media.Time(rapid.Int64Range(0, 1<<30).Draw(t, "cts")), Capture: 7, Arrived: 8,
				Discardable: rapid.Bool().Draw(t, "discardable"), Discontinuity: rapid.Bool().Draw(t, "discontinuity"),
				Data: unit(nals...),
			}
			want := slices.Clone(f.Data)
			if f.Key {
				want = append(params(testVideo), want...)
			}
			packets := p.Packetize(f)
			checkRun(t, f, packets, seq)
			checkFragments(t, packets)
			same(t, reassemble(t, packets), want)
			seq += int64(len(packets))
		}
	})
}

// Packets outlive the next call: the log shares them.
func TestPacketsAreNotReused(t *testing.T) {
	p := New()
	f := &media.Frame{Track: testVideo, Data: unit(nal(0x41, 5000))}
	packets := p.Packetize(f)
	before := reassemble(t, packets)
	p.Packetize(&media.Frame{Track: testVideo, Data: unit(nal(0x61, 5000))})
	same(t, reassemble(t, packets), before)
}
