package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"millrace/internal/load"
)

type benchCommand struct {
	Load    benchLoad    `cmd:"" default:"withargs" help:"Steps of viewers: the cost of each, and the delay. The default."`
	Join    benchJoin    `cmd:"" help:"Single viewers, anywhere between two key frames: what they wait for, and how far behind they stay."`
	Churn   benchChurn   `cmd:"" help:"Viewers that come and go: joins per second, and what they leave behind."`
	Loss    benchLoss    `cmd:"" help:"Viewers that lose packets and ask for them again: which pictures come in time."`
	Idle    benchIdle    `cmd:"" help:"Streams that nobody watches: the cost of each."`
	Publish benchPublish `cmd:"" help:"Publish synthetic video with the time in it, until told to stop."`
}

// benchTarget says which server is measured.
type benchTarget struct {
	URL     []string `help:"Play this, instead of a server of our own that gets one processor: WHEP (http://…), artc://…, http://….flv or rtmp://…. The stream must be published by this tool."`
	Publish []string `help:"With --url: publish here meanwhile, one stream for each --url: rtmp://… or WHIP."`
	PID     int      `help:"With --url: the server's process, whose cost is measured."`
	From    string   `default:"rtmp" enum:"rtmp,whip" help:"How a server of our own is published to (${enum})."`
	Over    string   `default:"webrtc" enum:"webrtc,flv,rtmp" help:"How a server of our own is played from (${enum})."`
	JSON    string   `help:"Write the results into this file, too." type:"path"`
}

// stage is the server with that many streams.
func (t *benchTarget) stage(streams int) (load.Stage, error) {
	s := load.Stage{From: t.From, Publish: t.Publish, Play: t.URL, PID: t.PID, Streams: streams, Over: t.Over}
	if len(t.URL) > 0 {
		if len(t.URL) < streams {
			return s, fmt.Errorf("%d --url are wanted", streams)
		}
		return s, nil
	}
	var err error
	s.Program, err = os.Executable()
	return s, err
}

func (t *benchTarget) write(report any) error {
	if t.JSON == "" {
		return nil
	}
	return load.WriteJSON(t.JSON, report)
}

func feedbackOf(name string) load.Feedback {
	if name == "twcc" {
		return load.TransportWide
	}
	return load.None
}

func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}
