package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/ts"
)

// Origin is a stream of another server that is being played. Close may be called
// by any goroutine, more than once, and ends Next.
type Origin interface {
	// Next returns the next frame, which the caller owns, on the origin's own
	// scale of times. It fails with io.EOF at the end of the stream.
	Next() (*media.Frame, error)
	// Promised says which kinds of tracks are to come, once that is known.
	Promised() (video, audio, known bool)
	Close() error
}

// Target is another server that is being published to. One goroutine uses it, but
// for Listen.
type Target interface {
	// Announce says which tracks there are; either may be nil.
	Announce(video, audio *media.Track) error
	// Write sends f. It blocks while the target takes nothing, for seconds at
	// most.
	Write(f *media.Frame) error
	// Listen blocks until the target has ended the connection, or Close, and
	// says why.
	Listen() error
	// Close says goodbye.
	Close() error
}

// Some Origins know what is said of the stream besides its tracks, and whether that
// is new since they were asked last; some Targets can be told it, before Announce
// and before frames whose Scripts have a description.
type (
	describedOrigin interface {
		Description() (about media.Metadata, changed bool)
	}
	describedTarget interface{ Describe(about media.Metadata) }
)

// repairedOrigin is an Origin that holds frames back, so that what is lost can be sent
// again.
type repairedOrigin interface{ HeldBack() time.Duration }

// Play opens an Origin, and Publish a Target. ctx bounds the opening alone.
type (
	Play    func(ctx context.Context, url string) (Origin, error)
	Publish func(ctx context.Context, url string) (Target, error)
)

// Ways are how to reach servers, by the scheme of their URL.
type Ways struct {
	Play    map[string]Play
	Publish map[string]Publish
}

// failure is why a server could not be used, with the word for it.
type failure struct {
	why reason.Reason
	err error
}

func (f *failure) Error() string         { return f.err.Error() }
func (f *failure) Unwrap() error         { return f.err }
func (f *failure) Reason() reason.Reason { return f.why }

// Ends of a connection that are of our making.
var (
	errIdle    = errors.New("no media came for too long")
	errLate    = errors.New("it took too long to open")
	errGoodbye = errors.New("the target has ended the connection")
	errUnread  = errors.New("nobody watches any more")
	errFast    = errors.New("it sends faster than the media lasts: it has the stream from here")
)

// reasonOf is the word for why a connection to another server ended or did not
// come about. Errors of other packages may have a method that tells it.
func reasonOf(err error) reason.Reason {
	var said interface{ Reason() reason.Reason }
	var foreign *flv.CodecError
	var alien *ts.CodecError
	var dialed *net.OpError
	var lookup *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	var foreignTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, ErrPrivate):
		return reason.PrivateAddress
	case errors.As(err, &said):
		return said.Reason()
	case errors.As(err, &foreign), errors.As(err, &alien), errors.Is(err, flv.ErrUnsupported), errors.Is(err, ts.ErrTrack), errors.Is(err, ts.ErrEmpty):
		return reason.Codec
	case errors.Is(err, errIdle):
		return reason.IdleTimeout
	case errors.Is(err, errGoodbye), errors.Is(err, errUnread), errors.Is(err, io.EOF):
		return reason.ClosedByPeer
	case errors.As(err, &lookup), errors.As(err, &dialed) && dialed.Op == "dial":
		return reason.Unreachable
	case errors.Is(err, errLate), errors.Is(err, os.ErrDeadlineExceeded):
		return reason.Timeout
	case errors.Is(err, flv.ErrTag), errors.Is(err, flv.ErrSignature), errors.Is(err, errFast):
		return reason.Protocol
	case errors.As(err, &untrusted), errors.As(err, &alert), errors.As(err, &foreignTLS):
		return reason.HandshakeFailed
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &dialed), errors.Is(err, net.ErrClosed):
		return reason.PeerGone
	}
	return live.ReasonOf(err)
}

// bare is err without the URL that net/http puts into it, which may hold a key.
func bare(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return fmt.Errorf("%s: %w", about.Op, about.Err)
	}
	return err
}
