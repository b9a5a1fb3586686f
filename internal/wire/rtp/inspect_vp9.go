package rtp

import "millrace/internal/codec/vp9"

// inspectVP9 reads the payload descriptor of RFC 9628 section 4.2. All packets
// of a picture should tell whether it refers to earlier ones, but packetizers
// exist that never say so (FFmpeg's); only in the first can the frame's own
// header be asked as well. Which pictures are referred to is not told.
func inspectVP9(p []byte) (Shape, bool) {
	d, ok := describeVP9(p)
	if !ok {
		return Shape{}, false
	}
	s := Shape{Key: d.begins && !d.inter && d.spatial == 0, Width: d.width, Height: d.height}
	if s.Key {
		// A header that cannot be read may be encrypted end to end.
		if h, ok := vp9.ParseHeader(d.body); ok {
			s.Key = h.Key
			if s.Width == 0 {
				s.Width, s.Height = h.Width, h.Height
			}
		}
	}
	if !s.Key || s.Width == 0 || s.Height == 0 {
		s.Width, s.Height = 0, 0
	}
	return s, true
}

// descriptor is what stands before a piece of a frame.
type descriptor struct {
	inter, begins bool // begins and ends are of a layer's frame
	ends          bool
	spatial       byte
	width, height int // of the largest layer, where they are told
	body          []byte
}

// describeVP9 is false for a payload that is malformed.
func describeVP9(p []byte) (d descriptor, ok bool) {
	if len(p) == 0 {
		return d, false
	}
	id, layers, flexible, structure := p[0]&0x80 != 0, p[0]&0x20 != 0, p[0]&0x10 != 0, p[0]&0x02 != 0
	d.inter, d.begins, d.ends = p[0]&0x40 != 0, p[0]&0x08 != 0, p[0]&0x04 != 0
	r := octets{b: p[1:]}
	if id && r.take()&0x80 != 0 {
		r.take() // a PictureID of 15 bits
	}
	if layers {
		d.spatial = r.take() >> 1 & 7
		if !flexible {
			r.take() // TL0PICIDX
		}
	}
	if flexible && d.inter {
		for i := 0; r.take()&1 != 0; i++ { // P_DIFF, N
			if i == 2 {
				return d, false
			}
		}
	}
	if structure {
		d.width, d.height = r.scalability()
	}
	d.body = r.b
	return d, !r.short && len(r.b) > 0
}

// octets takes bytes from the front; after the last it yields zeros.
type octets struct {
	b     []byte
	short bool
}

func (o *octets) take() byte {
	if len(o.b) == 0 {
		o.short = true
		return 0
	}
	v := o.b[0]
	o.b = o.b[1:]
	return v
}

// scalability reads a scalability structure and returns the size of its largest
// layer, 0 if it does not tell (section 4.2.1).
func (o *octets) scalability() (width, height int) {
	head := o.take()
	if head&0x10 != 0 { // Y: sizes of all layers
		for range head>>5 + 1 {
			w := int(o.take())<<8 | int(o.take())
			h := int(o.take())<<8 | int(o.take())
			width, height = max(width, w), max(height, h)
		}
	}
	if head&0x08 != 0 { // G: pictures of a group
		for range o.take() {
			for range o.take() >> 2 & 3 {
				o.take() // P_DIFF
			}
		}
	}
	return width, height
}
