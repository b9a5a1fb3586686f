package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settle is what a server gets to become calm before and between steps.
const settle = 3 * time.Second

// Own runs one step against a fresh server made of program, with synthetic
// full HD video published to it. The sentence that it returns says what the
// server says of itself.
func Own(ctx context.Context, program string, o Options) (r Result, more string, err error) {
	s, err := StartServer(ctx, program)
	if err != nil {
		return Result{}, "", err
	}
	defer func() { err = errors.Join(err, s.End()) }()
	publishing, stop := context.WithCancelCause(ctx)
	published := make(chan error, 1)
	go func() {
		perr := Publish(publishing, s.RTMP, FullHD)
		stop(fmt.Errorf("the publisher ended: %w", perr)) // nothing is left to measure
		published <- perr
	}()
	defer func() { <-published }()
	defer stop(nil)
	if err := pause(publishing, settle); err != nil {
		return Result{}, "", err
	}
	o.WHEP, o.PID = s.WHEP, s.PID
	if r, err = Run(publishing, o); err != nil {
		return r, "", err
	}
	forward, err := s.Quantile(ctx, "millrace_rtc_forward_seconds", .99)
	if err != nil {
		return r, "", err
	}
	return r, fmt.Sprintf("%d viewers: started in %s ms; a frame's last packet left within %s ms of its arrival, p99, joins included",
		o.Viewers, ms(s.Start), ms(forward)), nil
}
