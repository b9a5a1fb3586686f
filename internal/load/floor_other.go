//go:build !linux

package load

import (
	"errors"
	"time"
)

// Floor is what a packet costs on this machine at the least.
type Floor struct {
	Encrypt time.Duration `json:"encrypt_ns"`
	Send    time.Duration `json:"send_ns"`
}

func ownCPU() (time.Duration, error) { return 0, nil }

// MeasureFloor is for Linux.
func MeasureFloor() (Floor, error) { return Floor{}, errors.New("the floor is measured on Linux only") }
