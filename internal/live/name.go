package live

// Name identifies a stream.
type Name struct {
	Domain, App, Stream string
	// Track is "" for the first track of each kind. A further one of a publisher that
	// sends several has a stream of its own, with the first one of the other kind:
	// "video1", "audio1" and so on. Two of them together, "video1,audio1", are one
	// that a supplier makes.
	Track string
	// Variant is "" for what was published, else a conversion of it.
	Variant string
}

// Variants, which suppliers make: the same video with the sound as Opus, or as
// AAC.
const (
	VariantOpus = "opus"
	VariantAAC  = "aac"
)

// Source is the name of what the variant is made of.
func (n Name) Source() Name {
	n.Variant = ""
	return n
}

func (n Name) String() string {
	s := n.Domain + "/" + n.App + "/" + n.Stream
	if n.Track != "" {
		s += "?track=" + n.Track
	}
	if n.Variant != "" {
		s += "#" + n.Variant
	}
	return s
}
