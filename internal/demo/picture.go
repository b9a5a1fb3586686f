package demo

import (
	"fmt"
	"image"
)

// minContrast is how far the darkest and the brightest cell must be apart.
const minContrast = 60

// ReadPicture reads the barcode of a picture, which may be scaled: a cell needs
// about four pixels. The picture is its luma plane, as decoders give it.
func ReadPicture(p *image.Gray) (Stamp, error) {
	r := p.Bounds()
	var level [barcodeCells]int
	low, high := 255, 0
	for i := range level {
		x := BarcodeX + BarcodeW*(float64(i%BarcodeColumns)+0.5)/BarcodeColumns
		y := BarcodeY + BarcodeH*(float64(i/BarcodeColumns)+0.5)/BarcodeRows
		level[i] = around(p, r.Min.X+int(x*float64(r.Dx())), r.Min.Y+int(y*float64(r.Dy())))
		low, high = min(low, level[i]), max(high, level[i])
	}
	if high-low < minContrast {
		return 0, fmt.Errorf("%w: no contrast", ErrBarcode)
	}
	var cells [barcodeCells]bool
	for i, l := range level {
		cells[i] = l > (low+high)/2
	}
	return ReadCells(cells)
}

// around is the mean of the four pixels that meet at the corner (x, y).
func around(p *image.Gray, x, y int) int {
	return (int(p.GrayAt(x-1, y-1).Y) + int(p.GrayAt(x, y-1).Y) +
		int(p.GrayAt(x-1, y).Y) + int(p.GrayAt(x, y).Y)) / 4
}
