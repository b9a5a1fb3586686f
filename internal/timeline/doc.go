// Package timeline keeps the times of a publisher that sends frames in order,
// whatever its clock does: it unrolls timestamps that wrap around, holds steps
// backwards, and moves the scale where a track's clock jumps.
//
// It is values and pure functions. It may not know which protocol the times
// came by.
package timeline
