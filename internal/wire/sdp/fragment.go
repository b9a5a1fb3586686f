package sdp

// Fragment is an SDP fragment of trickle ICE (RFC 8840 section 9).
type Fragment struct {
	// Ufrag and Pwd are "" where the fragment names none.
	Ufrag, Pwd string
}

// ParseFragment reads the body of a PATCH. It fails on what is no fragment.
func ParseFragment(body string) (Fragment, error) { return Fragment{}, nil }

// Restarted writes the fragment that answers an ICE restart: our new
// credentials and our candidates, on the m-line with the given mid.
func Restarted(mid string, t Transport) string { return "" }
