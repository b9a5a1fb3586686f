package main

import "math"

// The picture. Sizes are in pixels, y grows downwards.
const (
	width  = 640
	height = 360
)

// colour is red, green, blue in sRGB, 0 to 1.
type colour [3]float64

func hex(v uint32) colour {
	return colour{float64(v>>16&255) / 255, float64(v>>8&255) / 255, float64(v&255) / 255}
}

func mix(a, b colour, t float64) colour {
	for i := range a {
		a[i] += (b[i] - a[i]) * t
	}
	return a
}

// canvas is one picture. Shapes are drawn by their signed distance, which
// smooths their edges over one pixel.
type canvas [width * height]colour

// shape is the distance of a point from a shape's edge, negative inside.
type shape func(x, y float64) float64

type box struct{ x0, y0, x1, y1 float64 }

// fill paints s, which must lie in b, with opacity a.
func (c *canvas) fill(b box, s shape, col colour, a float64) {
	x0, x1 := max(0, int(b.x0)-1), min(width-1, int(b.x1)+1)
	y0, y1 := max(0, int(b.y0)-1), min(height-1, int(b.y1)+1)
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			cover := 0.5 - s(float64(x)+0.5, float64(y)+0.5)
			if cover <= 0 {
				continue
			}
			p := &c[y*width+x]
			*p = mix(*p, col, a*min(cover, 1))
		}
	}
}

func (c *canvas) disc(cx, cy, r float64, col colour, a float64) {
	c.fill(box{cx - r, cy - r, cx + r, cy + r}, func(x, y float64) float64 {
		return math.Hypot(x-cx, y-cy) - r
	}, col, a)
}

func (c *canvas) ring(cx, cy, r, thick float64, col colour, a float64) {
	o := r + thick
	c.fill(box{cx - o, cy - o, cx + o, cy + o}, func(x, y float64) float64 {
		return math.Abs(math.Hypot(x-cx, y-cy)-r) - thick/2
	}, col, a)
}

// stroke draws a line with round ends.
func (c *canvas) stroke(x0, y0, x1, y1, thick float64, col colour, a float64) {
	h := thick / 2
	b := box{min(x0, x1) - h, min(y0, y1) - h, max(x0, x1) + h, max(y0, y1) + h}
	c.fill(b, func(x, y float64) float64 { return segment(x, y, x0, y0, x1, y1) - h }, col, a)
}

// panel draws a rectangle with corners of radius r.
func (c *canvas) panel(b box, r float64, col colour, a float64) {
	cx, cy := (b.x0+b.x1)/2, (b.y0+b.y1)/2
	hx, hy := (b.x1-b.x0)/2-r, (b.y1-b.y0)/2-r
	c.fill(b, func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-hx, math.Abs(y-cy)-hy
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}, col, a)
}

// segment is the distance of (x, y) from the line (x0, y0)-(x1, y1).
func segment(x, y, x0, y0, x1, y1 float64) float64 {
	dx, dy := x1-x0, y1-y0
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = min(max(((x-x0)*dx+(y-y0)*dy)/l, 0), 1)
	}
	return math.Hypot(x-x0-t*dx, y-y0-t*dy)
}

// appendYUV appends the picture as planar 4:2:0, BT.709, studio range.
func (c *canvas) appendYUV(out []byte) []byte {
	for _, p := range c {
		out = append(out, studio(16, 219, luma(p)))
	}
	for _, plane := range [2]func(colour) float64{
		func(p colour) float64 { return (p[2] - luma(p)) / 1.8556 },
		func(p colour) float64 { return (p[0] - luma(p)) / 1.5748 },
	} {
		for y := 0; y < height; y += 2 {
			for x := 0; x < width; x += 2 {
				i := y*width + x
				sum := plane(c[i]) + plane(c[i+1]) + plane(c[i+width]) + plane(c[i+width+1])
				out = append(out, studio(128, 224, sum/4))
			}
		}
	}
	return out
}

func luma(p colour) float64 { return 0.2126*p[0] + 0.7152*p[1] + 0.0722*p[2] }

func studio(zero, span, v float64) byte { return byte(math.Round(zero + span*v)) }
