package rtp

import "millrace/internal/codec/aac"

// ADTSFromLATM turns the payload of an RTP packet that begins an
// audioMuxElement of RFC 6416 with cpresent=0, of one access unit, into an ADTS
// frame in own memory. config is the AudioSpecificConfig in the stream's
// StreamMuxConfig.
//
// An element may be too large for one packet. Then the result is the first
// piece of the ADTS frame, whose header tells the whole size, and the payloads
// of the packets up to the marker are the other pieces as they are. Who knows
// the marker and not the packet before can not tell them apart.
//
// It is false for a payload that does not fit, and for what ADTS cannot say.
// Bytes behind the access unit, other than zeros, do not fit: they are another
// one.
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
	if size == 0 || len(au) == 0 {
		return nil, false
	}
	for len(au) > size {
		if au[len(au)-1] != 0 {
			return nil, false
		}
		au = au[:len(au)-1]
	}
	out, err := aac.AppendADTS(make([]byte, 0, aac.ADTSHeaderSize+len(au)), c, size)
	if err != nil {
		return nil, false
	}
	return append(out, au...), true
}

// LATMFromADTS is the inverse: it turns the payload of a packet with an ADTS
// frame, or the first piece of one (start), into its form under RFC 6416 with
// cpresent=0, in own memory: the PayloadLengthInfo takes the header's place.
// Later pieces, and what is no ADTS frame, it returns as they are.
func LATMFromADTS(payload []byte, start bool) []byte {
	if !start {
		return payload
	}
	h, err := aac.ParseADTS(payload)
	if err != nil || len(payload) < h.HeaderSize {
		return payload
	}
	n := h.FrameSize - h.HeaderSize
	out := aac.AppendPayloadLength(make([]byte, 0, len(payload)+n/255), n)
	return append(out, payload[h.HeaderSize:]...)
}
