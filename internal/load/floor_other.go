//go:build !linux

package load

import (
	"errors"
	"time"
)

// Floor is what a packet costs on this machine at the least.
type Floor struct{ Encrypt, Send time.Duration }

// Micros is the floor in microseconds.
func (f Floor) Micros() float64 { return float64(f.Encrypt+f.Send) / float64(time.Microsecond) }

// MeasureFloor is for Linux.
func MeasureFloor() (Floor, error) { return Floor{}, errors.New("the floor is measured on Linux only") }
