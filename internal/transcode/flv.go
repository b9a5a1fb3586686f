package transcode

import "encoding/binary"

// What ffmpeg reads from its pipe: FLV with one AAC track (Adobe FLV 10.1
// annex E). It carries the AudioSpecificConfig of any kind of AAC, which ADTS
// does not, and one tag is one frame, which ffmpeg takes up without waiting for
// the next.

const (
	flvAudio    = 8
	flvAAC      = 0xaf // AAC; the rest of the byte is fixed for it
	flvSequence = 0
	flvRaw      = 1
	flvTag      = 11 // bytes
)

// appendFLVHeader appends the file header and the tag with the configuration.
func appendFLVHeader(dst, config []byte) []byte {
	dst = append(dst, 'F', 'L', 'V', 1, 4 /* audio only */, 0, 0, 0, 9, 0, 0, 0, 0)
	return appendFLVTag(dst, 0, flvSequence, config)
}

// appendFLVTag appends a tag with a body of the given kind at a time in
// milliseconds.
func appendFLVTag(dst []byte, at uint32, kind byte, body []byte) []byte {
	size := uint32(len(body) + 2)
	dst = append(dst, flvAudio, byte(size>>16), byte(size>>8), byte(size),
		byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0, flvAAC, kind)
	dst = append(dst, body...)
	return binary.BigEndian.AppendUint32(dst, size+flvTag)
}
