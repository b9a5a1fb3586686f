package rtmp

import (
	"errors"
	"io"
	"net"
	"os"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// Codes of onStatus and _error.
const (
	codeConnected     = "NetConnection.Connect.Success"
	codeRejected      = "NetConnection.Connect.Rejected"
	codePublishing    = "NetStream.Publish.Start"
	codeTaken         = "NetStream.Publish.BadName"
	codeDenied        = "NetStream.Publish.Denied"
	codePublishFailed = "NetStream.Publish.Failed"
	codeUnpublished   = "NetStream.Unpublish.Success"
	codePlayReset     = "NetStream.Play.Reset"
	codePlaying       = "NetStream.Play.Start"
	codePlayFailed    = "NetStream.Play.Failed"
	codeNoStream      = "NetStream.Play.StreamNotFound"
	codePlayEnded     = "NetStream.Play.UnpublishNotify"
	codePlayStopped   = "NetStream.Play.Stop"
)

// ending is the end of a connection that its peer is told about.
type ending struct {
	code string
	why  reason.Reason
	err  error
}

func (e *ending) Error() string { return e.err.Error() }
func (e *ending) Unwrap() error { return e.err }

// errDone is the normal end: the client said that it has finished.
var errDone = errors.New("the client has finished")

// errIdle and errLate are the two deadlines.
var (
	errIdle      = errors.New("nothing was received for too long")
	errLate      = errors.New("the connection did not publish or play in time")
	errHandshake = errors.New("RTMP handshake failed")
)

// judge maps why a connection ends to what its peer is told ("" for nothing)
// and to the word for logs and metrics.
func judge(err error) (code string, why reason.Reason) {
	var told *ending
	var denied *catalog.Denied
	var network net.Error
	switch {
	case errors.As(err, &told):
		return told.code, told.why
	case errors.As(err, &denied):
		if denied.Reason == reason.Taken {
			return codeTaken, reason.Taken
		}
		return codeDenied, denied.Reason
	case errors.Is(err, errDone), errors.Is(err, io.EOF):
		return "", reason.ClosedByPeer
	case errors.Is(err, errHandshake):
		return "", reason.HandshakeFailed
	case errors.Is(err, errIdle):
		return codePublishFailed, reason.IdleTimeout
	case errors.Is(err, errLate):
		return codeDenied, reason.Timeout
	case errors.Is(err, rtmpchunk.ErrLimit):
		return codePublishFailed, reason.Limit
	case errors.Is(err, rtmpchunk.ErrProtocol):
		return codePublishFailed, reason.Protocol
	case errors.Is(err, live.ErrTaken):
		return codeTaken, reason.Taken
	case isLive(err):
		return codePublishFailed, live.ReasonOf(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), errors.Is(err, net.ErrClosed):
		return "", reason.PeerGone
	}
	return codePublishFailed, reason.Internal
}

// judgePlay is judge for connections that play, or want to.
func judgePlay(err error) (code string, why reason.Reason) {
	switch code, why = judge(err); {
	case why == reason.PeerGone || errors.Is(err, feed.ErrGone):
		return "", reason.PeerGone
	case code == "", why == reason.Slow: // one that takes nothing would not take this
		return "", why
	case why == reason.NotFound:
		return codeNoStream, why
	case why == reason.StreamEnded:
		return codePlayEnded, why
	}
	return codePlayFailed, why
}

// isLive says whether err has a word in package live.
func isLive(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false // of a socket; it is also a context's
	}
	return live.ReasonOf(err) != reason.Internal
}

// explain is the sentence for the client: a refusal's own text, without the
// operations that it passed through, and nothing about faults of ours.
func explain(err error) string {
	var denied *catalog.Denied
	if errors.As(err, &denied) {
		return denied.Detail
	}
	for _, known := range []error{errIdle, errLate, live.ErrNotFound, live.ErrLate, live.ErrTaken, live.ErrReplaced, live.ErrKicked, live.ErrEnded, live.ErrShutdown} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if _, why := judge(err); why == reason.Internal {
		return "internal error"
	}
	return err.Error()
}
