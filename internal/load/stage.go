package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// settle is what a server gets to become calm before and between steps.
const settle = 3 * time.Second

// Stage is a server with streams on it, to be played.
type Stage struct {
	Program string   // to start as a server of our own; empty: there is one
	From    string   // how our own server is published to: "rtmp" or "whip"
	Publish []string // where to publish, with a server that is there
	Play    []string // what to play there
	PID     int      // of that server; 0: its cost is not measured
	Over    string   // how a server of our own is played from: "flv", "rtmp", or WebRTC
	Picture Picture  // what is published; none: FullHD
	Streams int      // on a server of our own; 0 is 1
	Args    []string // more of its command line

	Own *Server // while f runs, if there is one
}

// With runs f while the streams are there. It starts our own server where none
// was named, and the publishers.
func (s Stage) With(ctx context.Context, f func(ctx context.Context, s *Stage) error) (err error) {
	if s.Program != "" {
		own, err := StartServer(ctx, s.Program, max(1, s.Streams), s.Args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, own.End()) }()
		s.Own, s.PID, s.Play = own, own.PID, own.WHEP
		switch s.Over {
		case "flv":
			s.Play = own.FLV
		case "rtmp":
			s.Play = own.RTMP
		}
		if s.Publish = own.RTMP; s.From == "whip" {
			s.Publish = own.WHIP
		}
	}
	if len(s.Publish) == 0 {
		return f(ctx, &s)
	}
	if s.Picture == (Picture{}) {
		s.Picture = FullHD
	}
	publishing, stop := context.WithCancelCause(ctx)
	published := make(chan error, len(s.Publish))
	for _, to := range s.Publish {
		go func() {
			perr := Publish(publishing, to, Source{Picture: s.Picture})
			stop(fmt.Errorf("the publisher ended: %w", perr)) // nothing is left to measure
			published <- perr
		}()
	}
	defer func() {
		stop(nil)
		for range s.Publish {
			<-published
		}
	}()
	if err := pause(publishing, settle); err != nil {
		return err
	}
	return f(publishing, &s)
}

// Tell writes what a server of our own says of itself with that many viewers.
func (s *Stage) Tell(ctx context.Context, w io.Writer, viewers int) error {
	if s.Own == nil || s.Over == "flv" || s.Over == "rtmp" {
		return nil
	}
	forward, err := s.Own.Quantile(ctx, "millrace_rtc_forward_seconds", .99)
	if err != nil {
		return err
	}
	within := fmt.Sprintf("%.1f ms", millis(forward))
	if forward == math.MaxInt64 {
		within = "more than the server counts"
	}
	_, err = fmt.Fprintf(w, "%d viewers: started in %.1f ms; a frame's last packet left within %s of its arrival, p99, joins included\n",
		viewers, millis(s.Own.Start), within)
	return err
}
