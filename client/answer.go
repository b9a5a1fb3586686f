package client

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// answer is what of an answer is needed, by media.Kind.
type answer struct{ media [2]answerMedia }

type answerMedia struct {
	on         bool // media flows
	ssrc       uint32
	extensions map[string]uint8 // ids by URI
	formats    []uint8          // payload types in the server's order
	fmtp       map[uint8]string
}

// readAnswer reads the text of an answer.
func readAnswer(text string) (answer, error) {
	var a answer
	var d pion.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return a, &answerError{"it is no session description"}
	}
	for _, m := range d.MediaDescriptions {
		k := media.Video
		switch m.MediaName.Media {
		case "video":
		case "audio":
			k = media.Audio
		default:
			continue
		}
		if !a.media[k].on {
			a.media[k] = readMedia(m)
		}
	}
	return a, nil
}

func readMedia(m *pion.MediaDescription) answerMedia {
	_, inactive := m.Attribute("inactive")
	a := answerMedia{on: m.MediaName.Port.Value != 0 && !inactive, extensions: map[string]uint8{}, fmtp: map[uint8]string{}}
	for _, f := range m.MediaName.Formats {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil {
			a.formats = append(a.formats, uint8(pt))
		}
	}
	for _, attr := range m.Attributes {
		head, rest, _ := strings.Cut(attr.Value, " ")
		switch attr.Key {
		case "extmap":
			head, _, _ = strings.Cut(head, "/")
			if id, err := strconv.ParseUint(head, 10, 8); err == nil && id > 0 && id < 15 {
				a.extensions[rest] = uint8(id)
			}
		case "fmtp":
			if pt, err := strconv.ParseUint(head, 10, 7); err == nil {
				a.fmtp[uint8(pt)] = rest
			}
		case "ssrc":
			if n, err := strconv.ParseUint(head, 10, 32); err == nil && a.ssrc == 0 {
				a.ssrc = uint32(n)
			}
		}
	}
	return a
}

// errMuxConfig says that a StreamMuxConfig cannot be read.
var errMuxConfig = errors.New("no usable StreamMuxConfig in the answer")

// latmConfig returns the AudioSpecificConfig in the format parameters of LATM
// (RFC 6416 section 7.3).
func latmConfig(fmtp string) ([]byte, error) {
	for kv := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(kv), "=")
		if !strings.EqualFold(k, "config") {
			continue
		}
		mux, err := hex.DecodeString(strings.TrimSpace(v))
		if err != nil {
			return nil, errMuxConfig
		}
		return specificConfig(mux)
	}
	return nil, errMuxConfig
}

// muxHead is how many bits stand before the AudioSpecificConfig of the only
// layer (ISO 14496-3 table 1.42): version, same time framing, subframes,
// programs, layers.
const muxHead = 1 + 1 + 6 + 4 + 3

// specificConfig takes the AudioSpecificConfig out of a StreamMuxConfig of
// version 0 with one program, one layer and one frame per element.
func specificConfig(mux []byte) ([]byte, error) {
	if len(mux) < 4 || mux[0] != 0x40 || mux[1]&0xfe != 0 {
		return nil, errMuxConfig
	}
	var asc []byte
	for at := muxHead / 8; at < len(mux); at++ { // one bit of the last head byte belongs to it
		b := mux[at] << (muxHead % 8)
		if at+1 < len(mux) {
			b |= mux[at+1] >> (8 - muxHead%8)
		}
		asc = append(asc, b)
	}
	c, err := aac.ParseConfig(asc)
	if err != nil {
		return nil, errMuxConfig
	}
	// What follows the configuration is cut off. It has no mark of its end, but
	// nothing in it that the reader does not count.
	bits := 5 + rateBits(asc, 5) + 4 + 3
	if c.SBR {
		inner := 5 + rateBits(asc, 5) + 4
		bits = inner + rateBits(asc, inner) + 5 + 3
	}
	size := (bits + 7) / 8
	if size > len(asc) {
		return nil, errMuxConfig
	}
	asc = asc[:size]
	asc[size-1] &= 0xff << (size*8 - bits)
	return asc, nil
}

// rateBits is the size of a sampling frequency that begins at a bit: four, and
// 24 more where these say so.
func rateBits(b []byte, at int) int {
	for i := range 4 {
		if pos := at + i; pos/8 >= len(b) || b[pos/8]>>(7-pos%8)&1 == 0 {
			return 4
		}
	}
	return 28
}
