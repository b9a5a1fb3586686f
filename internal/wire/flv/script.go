package flv

import (
	"encoding/binary"
	"math"

	"millrace/internal/media"
)

// AMF0 type marks.
const (
	amfNumber    = 0
	amfBoolean   = 1
	amfString    = 2
	amfObjectEnd = 9
	amfECMAArray = 8
)

// AppendMetadata appends the script tag "onMetaData" with what is known of the
// tracks; either may be nil.
func AppendMetadata(b []byte, video, audio *media.Track, at uint32) []byte {
	return AppendDescription(b, video, audio, media.Metadata{}, at)
}

// AppendDescription is AppendMetadata with what the publisher has said besides: of
// more, no member may be one that describes names.
func AppendDescription(b []byte, video, audio *media.Track, more media.Metadata, at uint32) []byte {
	var m properties
	if Carries(video) {
		m.number("width", float64(video.Width))
		m.number("height", float64(video.Height))
		m.number("videocodecid", videoCodecID(video.Codec))
	}
	if Carries(audio) {
		m.number("audiocodecid", audioCodecID(audio.Codec))
		m.number("audiosamplerate", float64(audio.SampleRate))
		m.number("audiosamplesize", 16)
		m.boolean("stereo", audio.Channels > 1)
	}
	body := append(amfText([]byte{amfString}, "onMetaData"), amfECMAArray)
	body = binary.BigEndian.AppendUint32(body, m.count+more.Count)
	body = append(append(body, m.b...), more.Members...)
	body = append(body, 0, 0, amfObjectEnd)
	return appendTag(b, tagScript, at, body)
}

// describes says whether AppendMetadata writes a member of the given name itself.
func describes(name string) bool {
	switch name {
	case "width", "height", "videocodecid", "audiocodecid", "audiosamplerate", "audiosamplesize", "stereo":
		return true
	}
	return false
}

// AppendScript appends a script tag with the given body.
func AppendScript(b, body []byte, at uint32) []byte { return appendTag(b, tagScript, at, body) }

// videoCodecID is the number of the codec, or the FourCC as a number.
func videoCodecID(c media.Codec) float64 {
	if four := fourCCs[c]; four != "" {
		return float64(binary.BigEndian.Uint32([]byte(four)))
	}
	return videoAVC
}

// audioCodecID is the sound format, or the FourCC as a number (Enhanced RTMP
// v2, "enhancing onMetaData").
func audioCodecID(c media.Codec) float64 {
	if c == media.Opus {
		return float64(binary.BigEndian.Uint32([]byte(fourOpus)))
	}
	return soundAAC
}

// properties collects the members of an ECMA array.
type properties struct {
	b     []byte
	count uint32
}

func (p *properties) number(name string, v float64) {
	p.b = append(amfText(p.b, name), amfNumber)
	p.b = binary.BigEndian.AppendUint64(p.b, math.Float64bits(v))
	p.count++
}

func (p *properties) boolean(name string, v bool) {
	bit := byte(0)
	if v {
		bit = 1
	}
	p.b = append(amfText(p.b, name), amfBoolean, bit)
	p.count++
}

func amfText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}
