// Package reason is the closed list of words for why something was refused,
// dropped or closed. The same word is the log field, the metric label and the
// API field. It may not know who uses a word.
package reason

// Reason is one word of the list.
type Reason string

// Ends of sessions.
const (
	ClosedByPeer    Reason = "closed_by_peer"   // the other side said goodbye
	PeerGone        Reason = "peer_gone"        // the transport broke without one
	Replaced        Reason = "replaced"         // another publisher took the name over
	Kicked          Reason = "kicked"           // the operator ended it
	Shutdown        Reason = "shutdown"         // this node is stopping
	StreamEnded     Reason = "stream_ended"     // the stream did not come back in its linger time
	Slow            Reason = "slow"             // a reader could not keep up
	IdleTimeout     Reason = "idle_timeout"     // nothing was received for too long
	NeverConnected  Reason = "never_connected"  // an answered offer saw no ICE
	HandshakeFailed Reason = "handshake_failed" // DTLS, RTMP or TLS handshake
	ConsentLost     Reason = "consent_lost"     // no STUN consent any more (RFC 7675)
	Protocol        Reason = "protocol"         // the peer broke its protocol
	Internal        Reason = "internal"         // a fault of ours
)

// Refusals.
const (
	NotFound      Reason = "not_found"      // nobody publishes the stream
	Taken         Reason = "taken"          // somebody else publishes it
	Auth          Reason = "auth"           // URL signature
	UnknownDomain Reason = "unknown_domain" // no such domain, or of the other type
	DomainOffline Reason = "domain_offline" // the domain is switched off
	Referer       Reason = "referer"        // the page's site is not to use the domain
	Address       Reason = "address"        // the client's address is not to use the domain
	Prohibited    Reason = "prohibited"     // the domain does not take this protocol
	Forbidden     Reason = "forbidden"      // the operator forbids this stream to be published
	BadName       Reason = "bad_name"       // app or stream name
	BadRequest    Reason = "bad_request"    // could not be parsed
	Codec         Reason = "codec"          // no codec in common
	BFrames       Reason = "b_frames"       // source has B-frames, viewer takes none
	Mode          Reason = "mode"           // not permitted in the domain's latency mode
	Limit         Reason = "limit"          // too many, or too large
	Overload      Reason = "overload"       // there is no time for more now; those who are there go first
	Timeout       Reason = "timeout"        // took longer than its deadline
	// PrivateAddress: of a source or a target, which must not be reached.
	PrivateAddress Reason = "private_address"
	Unreachable    Reason = "unreachable" // no connection to a source or a target came about
	Refused        Reason = "refused"     // a source or a target said no
	// UnknownSession: an id that is over, or was never given out.
	UnknownSession Reason = "unknown_session"
)

// Drops: the session goes on.
const (
	SkipAge        Reason = "skip_age"        // media was too old when its turn came
	SkipOverrun    Reason = "skip_overrun"    // the log had moved on
	SkipKeyWait    Reason = "skip_key_wait"   // undecodable until the next key frame
	Congested      Reason = "congested"       // the viewer's network takes less than the stream: up to the next key frame
	Thinned        Reason = "thinned"         // the same: pictures that no other refers to
	SendFailed     Reason = "send_failed"     // the kernel refused the datagram
	QueueFull      Reason = "queue_full"      // a TCP viewer's send queue
	NoDecoder      Reason = "no_decoder"      // audio that this node cannot convert
	TimestampJump  Reason = "timestamp_jump"  // a publisher's clock jumped; rebased
	TimestampHeld  Reason = "timestamp_held"  // a publisher's clock stepped back a little; held
	DecodeFailed   Reason = "decode_failed"   // a frame that its decoder refused; concealed
	UnsupportedMsg Reason = "unsupported_msg" // a message or codec that is passed over
	Lost           Reason = "lost"            // never came, although it was asked for again
	Late           Reason = "late"            // came after what follows it was used
	Layer          Reason = "layer"           // of a simulcast layer, or a further track, that is not forwarded
	Duplicate      Reason = "duplicate"       // was taken before
)
