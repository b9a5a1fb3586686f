package rtp

import "millrace/internal/media"

// format is what the lane of pictures has to know of a codec.
type format interface {
	// opens says that a payload certainly begins an access unit.
	opens(p []byte) bool
	// mayOpen says that a payload may begin a key frame: of one that came first,
	// nobody knows what was before it.
	mayOpen(p []byte) bool
	// shows says that a payload holds a part of a picture.
	shows(p []byte) bool
	// join puts the payloads from first up to end together, in own memory. It is
	// false when they do not fit together.
	join(l *lane, first, end int64) (accessUnit, bool)
}

// accessUnit is an access unit, put together.
type accessUnit struct {
	data []byte
	// sets are parameter sets or a sequence header, copies; config is a VP9
	// record, where one is needed.
	sets   [][]byte
	config []byte
	// width and height are those of a key frame, where it tells itself.
	width, height    int
	key, discardable bool
	reordered        bool // presentation order differs from decode order
	empty            bool // there is no picture in it
}

// formatOf returns nil for codecs of which no frames are made.
func formatOf(c media.Codec) format {
	switch c {
	case media.H264:
		return formatH264{}
	case media.H265:
		return formatH265{}
	case media.AV1:
		return formatAV1{}
	case media.VP9:
		return formatVP9{}
	}
	return nil
}

// sizeOf is how many bytes the payloads from first up to end have, with room for
// lengths.
func sizeOf(l *lane, first, end int64) int {
	size := 64
	for seq := first; seq < end; seq++ {
		size += len(l.at(seq).Payload) + 8
	}
	return size
}
