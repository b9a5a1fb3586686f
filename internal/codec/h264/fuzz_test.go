package h264

import "testing"

func FuzzConfig(f *testing.F) {
	for _, c := range configs {
		f.Add(unhex(f, c.avcC))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		built, err := BuildConfig(c.Params())
		if err != nil {
			return
		}
		again, err := ParseConfig(built)
		if err != nil {
			t.Fatalf("can not read what was built: %v", err)
		}
		if len(again.SPS) != len(c.SPS) || len(again.PPS) != len(c.PPS) {
			t.Fatalf("%d SPS and %d PPS became %d and %d", len(c.SPS), len(c.PPS), len(again.SPS), len(again.PPS))
		}
	})
}

func FuzzSPS(f *testing.F) {
	f.Add(testSPS)
	for _, c := range configs {
		conf, err := ParseConfig(unhex(f, c.avcC))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(conf.SPS[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSPS(b)
		if err == nil && (s.Width < 1 || s.Height < 1 || s.Width > maxDimension || s.Height > maxDimension) {
			t.Fatalf("%dx%d", s.Width, s.Height)
		}
	})
}

func FuzzUnit(f *testing.F) {
	for _, c := range units {
		for _, size := range []int{1, 2, 4} {
			f.Add(prefixed(size, c.in...), size)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		u, err := ParseUnit(b, size)
		if err != nil {
			return
		}
		total, slices := 0, 0
		for nal := range NALs(u.Data) {
			total += 4 + len(nal)
			switch Type(nal) {
			case TypeSPS, TypePPS, TypeDelimiter:
				t.Fatalf("unit of type %d was kept", Type(nal))
			case TypeSlice, TypePartitionA, TypeIDR:
				slices++
			}
		}
		if total != len(u.Data) || slices != u.Slices {
			t.Fatalf("%d of %d bytes are NAL units, %d slices, counted %d", total, len(u.Data), slices, u.Slices)
		}
		held, _ := MergeParams(nil, u.Params)
		if _, changed := MergeParams(held, held); changed {
			t.Fatal("merging a list with itself changed it")
		}
	})
}
