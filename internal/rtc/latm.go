package rtc

import "millrace/internal/codec/aac"

// adtsHeaderLen is the header that AAC packets in the log begin with.
const adtsHeaderLen = 7

// latmFromADTS turns the payload of an AAC packet in the log, an ADTS frame or
// a later piece of one, into its form under RFC 6416 with cpresent=0: the
// PayloadLengthInfo takes the header's place. start says that payload begins a frame.
func latmFromADTS(payload []byte, start bool) []byte {
	if !start || len(payload) < adtsHeaderLen || payload[0] != 0xFF || payload[1]&0xF6 != 0xF0 {
		return payload
	}
	whole := int(payload[3]&3)<<11 | int(payload[4])<<3 | int(payload[5])>>5
	n := whole - adtsHeaderLen
	out := aac.AppendPayloadLength(make([]byte, 0, len(payload)+8), n)
	return append(out, payload[adtsHeaderLen:]...)
}
