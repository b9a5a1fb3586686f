package load

import "iter"

// datagrams are the pieces of what a socket took as one: all segment bytes long
// but the last, which may be shorter. 0 says that it is one datagram.
func datagrams(b []byte, segment int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if segment <= 0 {
			yield(b)
			return
		}
		for len(b) > 0 {
			n := min(segment, len(b))
			if !yield(b[:n:n]) {
				return
			}
			b = b[n:]
		}
	}
}
