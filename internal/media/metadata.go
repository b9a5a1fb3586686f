package media

import "bytes"

// Metadata is what a publisher says of its stream besides its tracks: members of
// an AMF0 object, each a name and a value.
type Metadata struct {
	Count   uint32
	Members []byte
}

// Describes says whether one of a Frame's Scripts tells of the stream, as Metadata
// does: what is known of the tracks may differ from what it says of them.
func Describes(script []byte) bool {
	return bytes.HasPrefix(script, []byte("\x02\x00\x0aonMetaData"))
}
