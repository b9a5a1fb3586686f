package flv

// maxTracks bounds what one packet may hold of tracks, and their numbers.
const maxTracks = 16

// multitrack kinds (Enhanced RTMP v2, AvMultitrackType).
const (
	oneTrack       = 0 // the rest is of the track
	manyTracks     = 1 // each with its size
	manyTracksMany = 2 // and its codec
)

// part makes a Body of one track's part of a packet. The error is about its codec.
type part func(packet byte, four string, b []byte) (Body, error)

// parseEx takes a body of the enhanced form apart: modifiers, then a packet of the
// first track, or one of several (Enhanced RTMP v2, ExVideoTagBody and ExAudioTagBody).
func parseEx(to []Body, b []byte, multitrack byte, parse part) ([]Body, error) {
	packet, b, nanos, ok := modEx(b[0]&15, b[1:])
	if !ok {
		return append(to, Body{Kind: BodyPassed}), nil
	}
	if packet == multitrack {
		return parseTracks(to, b, multitrack, nanos, parse)
	}
	if len(b) < 4 {
		return append(to, Body{Kind: BodyPassed}), nil
	}
	t, err := parse(packet, string(b[:4]), b[4:])
	if err != nil {
		return to, err
	}
	t.Nanos = nanos
	return append(to, t), nil
}

// parseTracks appends the parts of a packet of several tracks. Where it breaks
// off, the rest counts as something that is passed over.
func parseTracks(to []Body, b []byte, multitrack byte, nanos int32, parse part) ([]Body, error) {
	broken := Body{Kind: BodyPassed}
	if len(b) < 1 {
		return append(to, broken), nil
	}
	kind, packet := b[0]>>4, b[0]&15
	b = b[1:]
	if kind > manyTracksMany || packet == multitrack || packet == exModEx {
		return append(to, broken), nil
	}
	four := ""
	for n := 0; len(b) > 0; n++ {
		if n == 0 || kind == manyTracksMany {
			if len(b) < 4 {
				return append(to, broken), nil
			}
			four, b = string(b[:4]), b[4:]
		}
		id, piece, rest, ok := cutTrack(b, kind)
		if !ok || n == maxTracks || id >= maxTracks {
			return append(to, broken), nil
		}
		t, err := parse(packet, four, piece)
		if err != nil && id == 0 {
			return to, err
		}
		t.Track, t.Nanos = id, nanos
		to, b = append(to, t), rest
	}
	return to, nil
}

// cutTrack splits a track's part, behind its codec, off.
func cutTrack(b []byte, kind byte) (id uint8, piece, rest []byte, ok bool) {
	if len(b) < 1 {
		return 0, nil, nil, false
	}
	id, b = b[0], b[1:]
	size := len(b)
	if kind != oneTrack {
		if len(b) < 3 {
			return 0, nil, nil, false
		}
		size = int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		b = b[3:]
	}
	if size > len(b) {
		return 0, nil, nil, false
	}
	return id, b[:size], b[size:], true
}
