// Package demo is the stream that is always there to try: a loop of eight
// seconds inside the program, published like any other stream over RTMP.
//
// Every picture of the loop carries its own time as a barcode, and the
// publisher keeps the loop's phase on the wall clock. So the barcode that a
// viewer sees, taken from the wall clock, is the delay from camera to screen.
//
//	loop.flv ──► Loop ──► Publisher ──RTMP──► this server, through its front door
//
// The loop is drawn by scripts/genloop. The package may not know domains, keys
// or the hub: it is given a URL, as OBS is.
package demo

//go:generate go run millrace/scripts/genloop -o loop.flv
