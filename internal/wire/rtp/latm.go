package rtp

import "millrace/internal/codec/aac"

// ADTSFromLATM turns the payload of an RTP packet that is one whole
// audioMuxElement of RFC 6416 with cpresent=0, of one access unit, into an ADTS
// frame in own memory. config is the AudioSpecificConfig in the stream's
// StreamMuxConfig. It is false when the lengths do not fit, and for what ADTS
// cannot say. Bytes behind the access unit, other than zeros of alignment, do
// not fit: they are a second one.
func ADTSFromLATM(config, payload []byte) ([]byte, bool) {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return nil, false
	}
	// PayloadLengthInfo (ISO 14496-3 table 1.44): bytes up to the first below
	// 255 add up.
	size, at := 0, 0
	for {
		if at == len(payload) {
			return nil, false
		}
		b := payload[at]
		size += int(b)
		at++
		if b != 255 {
			break
		}
	}
	au := payload[at:]
	if size == 0 || size > len(au) {
		return nil, false
	}
	for _, b := range au[size:] {
		if b != 0 {
			return nil, false
		}
	}
	out, err := aac.AppendADTS(make([]byte, 0, aac.ADTSHeaderSize+size), c, size)
	if err != nil {
		return nil, false
	}
	return append(out, au[:size]...), true
}
