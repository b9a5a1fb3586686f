package main

import "math"

// pen collects the lines of one glyph. Glyphs are drawn with one stroke width,
// one unit high from the capital line (0) to the base line (1).
type pen struct{ lines [][4]float64 }

func (p *pen) line(xy ...float64) {
	for i := 0; i+3 < len(xy); i += 2 {
		p.lines = append(p.lines, [4]float64{xy[i], xy[i+1], xy[i+2], xy[i+3]})
	}
}

// arc draws a part of an ellipse; angles in degrees, clockwise from the right.
func (p *pen) arc(cx, cy, rx, ry, from, to float64) {
	const steps = 24
	xy := make([]float64, 0, 2*steps+2)
	for i := 0; i <= steps; i++ {
		a := (from + (to-from)*float64(i)/steps) * math.Pi / 180
		xy = append(xy, cx+rx*math.Cos(a), cy+ry*math.Sin(a))
	}
	p.line(xy...)
}

// glyph returns the lines of r and how far the next glyph is to its right.
func glyph(r rune) (lines [][4]float64, advance float64) {
	var p pen
	w := 0.56
	switch r {
	case 'A':
		w = 0.72
		p.line(0, 1, 0.36, 0, 0.72, 1)
		p.line(0.13, 0.66, 0.59, 0.66)
	case 'C':
		w = 0.7
		p.arc(0.48, 0.5, 0.48, 0.5, 48, 312)
	case 'D':
		w = 0.64
		p.line(0.16, 0, 0, 0, 0, 1, 0.16, 1)
		p.arc(0.16, 0.5, 0.48, 0.5, -90, 90)
	case 'E':
		w = 0.46
		p.line(0.46, 0, 0, 0, 0, 1, 0.46, 1)
		p.line(0, 0.5, 0.4, 0.5)
	case 'F':
		w = 0.46
		p.line(0.46, 0, 0, 0, 0, 1)
		p.line(0, 0.5, 0.4, 0.5)
	case 'I':
		w = 0
		p.line(0, 0, 0, 1)
	case 'L':
		w = 0.44
		p.line(0, 0, 0, 1, 0.44, 1)
	case 'M':
		w = 0.8
		p.line(0, 1, 0, 0, 0.4, 0.62, 0.8, 0, 0.8, 1)
	case 'N':
		w = 0.62
		p.line(0, 1, 0, 0, 0.62, 1, 0.62, 0)
	case 'O':
		w = 0.9
		p.arc(0.45, 0.5, 0.45, 0.5, 0, 360)
	case 'P':
		p.line(0, 1, 0, 0, 0.28, 0)
		p.arc(0.28, 0.27, 0.27, 0.27, -90, 90)
		p.line(0.28, 0.54, 0, 0.54)
	case 'R':
		p.line(0, 1, 0, 0, 0.28, 0)
		p.arc(0.28, 0.27, 0.27, 0.27, -90, 90)
		p.line(0.28, 0.54, 0, 0.54)
		p.line(0.26, 0.54, 0.56, 1)
	case 'S':
		w = 0.5
		p.arc(0.25, 0.25, 0.24, 0.25, -35, -270)
		p.arc(0.25, 0.75, 0.25, 0.25, -90, 145)
	case '.':
		w = 0
		p.line(0, 0.99, 0, 1)
	case ' ':
		w = 0.2
	default:
		digit(&p, r)
	}
	return p.lines, w + 0.3
}

// digit draws 0 to 9, all of one width so that a clock does not jitter.
func digit(p *pen, r rune) {
	switch r {
	case '0':
		p.arc(0.28, 0.3, 0.28, 0.3, 180, 360)
		p.line(0.56, 0.3, 0.56, 0.7)
		p.arc(0.28, 0.7, 0.28, 0.3, 0, 180)
		p.line(0, 0.7, 0, 0.3)
	case '1':
		p.line(0.1, 0.2, 0.32, 0, 0.32, 1)
	case '2':
		p.arc(0.28, 0.28, 0.27, 0.28, 180, 390)
		p.line(0.51, 0.42, 0, 1, 0.56, 1)
	case '3':
		p.arc(0.27, 0.25, 0.24, 0.25, 200, 450)
		p.arc(0.27, 0.75, 0.28, 0.25, -90, 160)
	case '4':
		p.line(0.42, 1, 0.42, 0, 0, 0.7, 0.56, 0.7)
	case '5':
		p.line(0.5, 0, 0.09, 0, 0.04, 0.44)
		p.arc(0.26, 0.68, 0.3, 0.32, 222, 510)
	case '6':
		p.arc(0.28, 0.7, 0.28, 0.3, 0, 360)
		p.line(0.4, 0, 0.04, 0.57)
	case '7':
		p.line(0, 0, 0.56, 0, 0.18, 1)
	case '8':
		p.arc(0.28, 0.24, 0.23, 0.24, 0, 360)
		p.arc(0.28, 0.74, 0.28, 0.26, 0, 360)
	case '9':
		p.arc(0.28, 0.3, 0.28, 0.3, 0, 360)
		p.line(0.52, 0.43, 0.16, 1)
	}
}

// write draws text with its capital line's left end at (x, y) and returns the
// x behind it. size is the height of capitals.
func (c *canvas) write(text string, x, y, size, thick float64, col colour) float64 {
	for _, r := range text {
		lines, advance := glyph(r)
		if len(lines) > 0 {
			h := thick / 2
			c.fill(box{x - h, y - h, x + size + h, y + size + h}, func(px, py float64) float64 {
				d := math.Inf(1)
				for _, l := range lines {
					d = min(d, segment(px, py, x+l[0]*size, y+l[1]*size, x+l[2]*size, y+l[3]*size))
				}
				return d - h
			}, col, 1)
		}
		x += advance * size
	}
	return x
}
