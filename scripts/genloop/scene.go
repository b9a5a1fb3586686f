package main

import (
	"math"
	"time"

	"millrace/internal/demo"
)

// The palette: night, river, and one warm colour for what marks the time.
var (
	night  = hex(0x0f1a2b)
	dusk   = hex(0x16263c)
	river  = hex(0x1f5f7a)
	shine  = hex(0x63b3c9)
	wood   = hex(0x8aa0b8)
	ink    = hex(0xf2f5f8)
	quiet  = hex(0x7f93aa)
	marker = hex(0xffb454)
	black  = hex(0x000000)
	white  = hex(0xffffff)
)

// backdrop is what does not move. It is drawn once.
func backdrop() *canvas {
	c := new(canvas)
	for y := range height {
		for x := range width {
			c[y*width+x] = night
		}
	}
	c.panel(box{300, 20, 616, 236}, 18, dusk, 1)
	c.write("MILLRACE", 326, 42, 30, 5, ink)
	c.write("DEMO LOOP", 326, 89, 11, 2, quiet)
	x, y, w, h := demo.BarcodeX*width, demo.BarcodeY*height, demo.BarcodeW*width, demo.BarcodeH*height
	c.panel(box{x - 6, y - 6, x + w + 6, y + h + 6}, 4, black, 1)
	return c
}

// draw paints what is seen at time t of the loop, over the backdrop.
func (c *canvas) draw(t time.Duration) {
	s := t.Seconds()
	c.wheel(164, 150, s)
	c.water(s)
	c.clock(s)
	c.barcode(demo.LoopStamp(length, t))
}

// wheel is a mill wheel of twelve paddles that turns once in a loop. The marked
// paddle is the hand of a clock: it is at the top at 0.
func (c *canvas) wheel(cx, cy, s float64) {
	const paddles = 12
	for i := range paddles {
		a := 2*math.Pi*(s/length.Seconds()+float64(i)/paddles) - math.Pi/2
		dx, dy := math.Cos(a), math.Sin(a)
		col, thick := wood, 4.0
		if i == 0 {
			col, thick = marker, 6.0
		}
		c.stroke(cx+14*dx, cy+14*dy, cx+96*dx, cy+96*dy, thick-1, col, 1)
		c.stroke(cx+96*dx-10*dy, cy+96*dy+10*dx, cx+96*dx+10*dy, cy+96*dy-10*dx, thick, col, 1)
	}
	c.ring(cx, cy, 84, 5, wood, 1)
	c.ring(cx, cy, 44, 4, wood, 1)
	c.disc(cx, cy, 14, wood, 1)
	c.disc(cx, cy, 5, night, 1)
}

// water is the race below the wheel: two waves that go by a whole number of
// times in a loop.
func (c *canvas) water(s float64) {
	for i, layer := range []struct {
		y, high, wide, turns float64
		col                  colour
	}{{254, 4, 160, 3, river}, {272, 3, 128, -2, mix(river, night, 0.45)}} {
		phase := 2 * math.Pi * layer.turns * s / length.Seconds()
		top := func(x float64) float64 {
			return layer.y + layer.high*math.Sin(2*math.Pi*x/layer.wide-phase)
		}
		under := box{0, layer.y - layer.high, width, 300}
		c.fill(under, func(x, y float64) float64 { return max(top(x)-y, y-300) }, layer.col, 1)
		if i == 0 {
			c.fill(under, func(x, y float64) float64 { return math.Abs(top(x)-y) - 1.2 }, shine, 0.8)
		}
	}
}

// clock shows the time in the loop and the marker that lights with the beep.
func (c *canvas) clock(s float64) {
	whole := math.Floor(s + 1e-9)
	part := s - whole
	hundredths := int(math.Floor(part*100 + 1e-6))
	x := c.write(string(rune('0'+int(whole)))+".", 326, 124, 62, 9, ink)
	x = c.write(string([]rune{rune('0' + hundredths/10), rune('0' + hundredths%10)}), x, 124, 62, 9, ink)
	c.write("S", x+2, 124+62-22, 22, 4, quiet)

	for i := range int(length.Seconds()) {
		col := mix(dusk, quiet, 0.45)
		if i <= int(whole) {
			col = mix(dusk, marker, 0.75)
		}
		c.disc(332+float64(i)*21, 214, 5, col, 1)
	}
	lit := 0.0
	if part < beepFor.Seconds() {
		lit = 1
	}
	c.disc(568, 180, 26, mix(mix(dusk, quiet, 0.25), marker, lit), 1)
	c.ring(568, 180, 32, 2.5, mix(mix(dusk, quiet, 0.35), marker, lit), 1)
}

func (c *canvas) barcode(stamp demo.Stamp) {
	const cell = demo.BarcodeW * width / demo.BarcodeColumns
	for i, bright := range stamp.Cells() {
		col := black
		if bright {
			col = white
		}
		x := demo.BarcodeX*width + float64(i%demo.BarcodeColumns)*cell
		y := demo.BarcodeY*height + float64(i/demo.BarcodeColumns)*cell
		for py := int(y); py < int(y+cell); py++ {
			for px := int(x); px < int(x+cell); px++ {
				c[py*width+px] = col
			}
		}
	}
}
