package load

import (
	"encoding/binary"

	"github.com/pion/interceptor/pkg/twcc"
)

// wide is the transport-wide feedback of a viewer, as browsers send it
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
type wide struct {
	recorder *twcc.Recorder
	sent     int64
	any      bool
}

// wideEvery is the time between two feedbacks: Chromium's, while it receives much.
const wideEvery = int64(65e6)

// take records a packet with its RTP header.
func (w *wide) take(b []byte, at int64) {
	if seq, ok := wideSequenceOf(b); ok {
		w.recorder.Record(binary.BigEndian.Uint32(b[8:]), seq, at/1000)
		w.any = true
	}
}

// wideSequenceOf reads the transport-wide sequence number from a header
// extension of one-byte elements (RFC 8285 section 4.2).
func wideSequenceOf(b []byte) (uint16, bool) {
	at := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 == 0 || len(b) < at+4 || binary.BigEndian.Uint16(b[at:]) != 0xbede {
		return 0, false
	}
	end := at + 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	if end > len(b) {
		return 0, false
	}
	for e := b[at+4 : end]; len(e) > 0; {
		id, size := e[0]>>4, int(e[0]&0x0f)+1
		if id == 0 {
			e = e[1:]
			continue
		}
		if id == 15 || len(e) < 1+size {
			return 0, false
		}
		if id == wideSequence && size == 2 {
			return binary.BigEndian.Uint16(e[1:]), true
		}
		e = e[1+size:]
	}
	return 0, false
}
