package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"time"

	"millrace/client"
)

// Camera is whatever brings pictures.
type Camera interface {
	Picture(ctx context.Context, key bool) (annexB []byte, err error)
}

// A publisher sends pictures as they come, and makes the next one a key frame
// when somebody needs it.
func ExamplePublish() {
	publish := func(ctx context.Context, camera Camera, url string) error {
		p, err := client.Publish(ctx, url, client.PublishOptions{
			Video: &client.Track{Kind: client.Video, Codec: client.H264},
		})
		if err != nil {
			return err
		}
		defer p.Close() //nolint:errcheck // what counts is said by Write
		began := time.Now()
		for {
			key := false
			select {
			case <-p.KeyFrameRequested():
				key = true
			default:
			}
			picture, err := camera.Picture(ctx, key)
			if err != nil {
				return err
			}
			now := time.Now()
			at := now.Sub(began)
			if err := p.Write(ctx, client.AccessUnit{Kind: client.Video, DTS: at, PTS: at, Capture: now, Data: picture}); err != nil {
				return err
			}
		}
	}
	_ = publish
}

// A player that writes the pictures to a file which ffplay can show.
func ExamplePlay() {
	record := func(ctx context.Context, url string, out io.Writer) error {
		p, err := client.Play(ctx, url, client.PlayOptions{NoAudio: true})
		if err != nil {
			return err
		}
		defer p.Close() //nolint:errcheck // what counts is said by Next
		for {
			u, err := p.Next(ctx)
			if err != nil {
				return err
			}
			if _, err := out.Write(u.Data); err != nil {
				return err
			}
			if s := p.Stats(); s.DelayKnown {
				log.Printf("%v old, %d lost", s.Delay, s.Lost)
			}
		}
	}
	_ = record
}

// Refusals that another attempt cannot mend say so.
func ExampleStatusError() {
	err := error(&client.StatusError{Status: 403, Reason: "auth", Detail: "the token has expired"})
	fmt.Println(err)
	// Output: the server refuses: 403 Forbidden (auth): the token has expired
}
