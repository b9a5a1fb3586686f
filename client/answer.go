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
		config, err := aac.ParseStreamMuxConfig(mux)
		if err != nil {
			return nil, errMuxConfig
		}
		return config, nil
	}
	return nil, errMuxConfig
}
