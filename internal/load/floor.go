package load

import (
	"fmt"
	"time"
)

// Micros is the floor in microseconds.
func (f Floor) Micros() float64 { return float64(f.Encrypt+f.Send) / float64(time.Microsecond) }

func (f Floor) String() string {
	return fmt.Sprintf("floor: %.2f µs per packet on this machine, %.2f to encrypt and %.2f to send eight at a time",
		f.Micros(), f.Encrypt.Seconds()*1e6, f.Send.Seconds()*1e6)
}
