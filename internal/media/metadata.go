package media

// Metadata is what a publisher says of its stream besides its tracks: members of
// an AMF0 object, each a name and a value.
type Metadata struct {
	Count   uint32
	Members []byte
}
