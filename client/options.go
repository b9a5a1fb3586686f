package client

import (
	"crypto/tls"
	"math/rand/v2"
	"time"
)

// Connection is how a server is reached; the zero value is good.
type Connection struct {
	// Token is sent as bearer token with WHIP and WHEP, for servers that want
	// one. A signed URL needs none.
	Token string
	// HTTPS makes artc:// URLs be asked over HTTPS, as they are anyway on port
	// 443. The scheme says nothing about it.
	HTTPS bool
	// TLS is used with HTTPS. nil means the system's certificates;
	// certificates go unchecked only with InsecureSkipVerify in here.
	TLS *tls.Config
	// Timeout bounds the exchange with the server, and once more the
	// connecting of media. 0 means 10 s.
	Timeout time.Duration
	// Reconnect is what happens when a connection is lost.
	Reconnect Reconnect
}

const defaultTimeout = 10 * time.Second

func (c *Connection) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

// Reconnect says how lost connections are made again. Errors that another
// attempt cannot mend (statuses such as 400, 403 and 406) end it at once;
// 404, 409, those from 500 and broken transports do not.
type Reconnect struct {
	// Off ends a Publisher or Player with its first connection.
	Off bool
	// Initial makes Publish and Play themselves try as often, for instance to
	// wait for a stream that nobody publishes yet.
	Initial bool
	// Attempts is how many in a row may fail, or make a connection that is cut
	// within ten seconds. 0 means 10.
	Attempts int
	// Least and Most bound the pause before an attempt, which doubles from one
	// to the next and varies by a quarter. 0 means 250 ms and 5 s.
	Least, Most time.Duration
}

func (r *Reconnect) attempts() int {
	switch {
	case r.Off:
		return 0
	case r.Attempts > 0:
		return r.Attempts
	}
	return 10
}

// pause is how long to wait before attempt n, counted from 0.
func (r *Reconnect) pause(n int) time.Duration {
	d, most := r.Least, r.Most
	if d <= 0 {
		d = 250 * time.Millisecond
	}
	if most <= 0 {
		most = 5 * time.Second
	}
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return d - d/8 + time.Duration(rand.Int64N(int64(d/4)+1))
}

// PublishOptions say what to publish, and how.
type PublishOptions struct {
	// Video and Audio are the tracks; one may be nil.
	Video, Audio *Track
	// LATM sends AAC in LATM (RFC 6416) and not as ADTS frames.
	LATM bool
	Connection
}

// PlayOptions say what to play, and how.
type PlayOptions struct {
	// NoVideo and NoAudio leave a medium out.
	NoVideo, NoAudio bool
	// LATM asks for AAC in LATM (RFC 6416) and not as ADTS frames.
	LATM bool
	// Patience is how long a lost packet is waited for before it is given up,
	// with the pictures up to the next key frame. 0 means 1 s.
	Patience time.Duration
	// Queue is how much media waits for Next before old media is dropped, up to
	// a key frame if there is one. 0 means 5 s.
	Queue time.Duration
	Connection
}

func (o *PlayOptions) patience() time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return time.Second
}

func (o *PlayOptions) queue() time.Duration {
	if o.Queue > 0 {
		return o.Queue
	}
	return 5 * time.Second
}
