package hls

import (
	"strconv"
	"strings"

	"millrace/internal/media"
)

// Multivariant is a Multivariant Playlist of one quality.
type Multivariant struct {
	// URI is the address of the pictures' media playlist, or of everything's.
	URI string
	// Audio is the address of the sound's, where it is a rendition of its own.
	Audio string
	// Bandwidth is bits per second, at most.
	Bandwidth int
	// Tracks describe what is in the streams.
	Tracks []*media.Track
}

// Append renders the playlist.
func (m *Multivariant) Append(dst []byte) []byte {
	dst = appendLine(dst, "#EXTM3U")
	dst = appendLine(dst, "#EXT-X-VERSION:6")
	group := ""
	if m.Audio != "" {
		group = `,AUDIO="sound"`
		dst = appendLine(dst, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,URI="`, m.Audio, `"`)
	}
	var codecs []string
	size := ""
	for _, t := range m.Tracks {
		if c := CodecString(t); c != "" {
			codecs = append(codecs, c)
		}
		if t.Kind == media.Video && t.Width > 0 && t.Height > 0 {
			size = ",RESOLUTION=" + strconv.Itoa(t.Width) + "x" + strconv.Itoa(t.Height)
		}
	}
	list := ""
	if len(codecs) == len(m.Tracks) {
		list = `,CODECS="` + strings.Join(codecs, ",") + `"`
	}
	dst = appendLine(dst, "#EXT-X-STREAM-INF:BANDWIDTH=", strconv.Itoa(m.Bandwidth), list, size, group)
	return appendLine(dst, m.URI)
}

// AppendReport renders where another rendition of the same variant stands
// (8216bis section 4.4.5.4).
func AppendReport(dst []byte, uri string, msn int64, part int) []byte {
	return appendLine(dst, `#EXT-X-RENDITION-REPORT:URI="`, uri, `",LAST-MSN=`, strconv.FormatInt(msn, 10), ",LAST-PART=", strconv.Itoa(part))
}
