package main

import (
	"context"
	"time"

	"millrace/internal/load"
)

type benchLoss struct {
	benchTarget
	Viewers  int             `default:"20" help:"How many, each with a network of its own."`
	RTT      []time.Duration `name:"rtt" default:"50ms" help:"Round-trip times of the network, half each way."`
	Loss     []float64       `default:"0.02,0.05,0.1" help:"Shares of the datagrams that are lost on the way to a viewer."`
	UpLoss   float64         `default:"-1" help:"The same on the way back; -1: as much."`
	Burst    float64         `help:"Mean length of a run of losses; 0: they are independent."`
	For      time.Duration   `default:"20s" help:"How long each step is measured."`
	Within   time.Duration   `default:"400ms" help:"In which a picture must be decodable, from its capture."`
	Feedback string          `default:"twcc" enum:"none,twcc" help:"What viewers tell besides receiver reports (${enum}: transport-wide congestion control as browsers do)."`
}

// Run measures viewers that lose packets and ask for them again as Chromium does.
func (c *benchLoss) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	stage, err := c.stage(1)
	if err != nil {
		return err
	}
	var report struct {
		Results []load.LossResult `json:"results"`
	}
	load.LossHeader(s.out)
	err = stage.With(ctx, func(ctx context.Context, st *load.Stage) error {
		for _, rtt := range c.RTT {
			for _, loss := range c.Loss {
				o := load.LossOptions{
					URL: st.Play[0], Viewers: c.Viewers, For: c.For, Within: c.Within, Feedback: feedbackOf(c.Feedback),
					Network: load.Network{RTT: rtt, Loss: loss, UpLoss: c.UpLoss, Burst: c.Burst},
				}
				if o.UpLoss < 0 {
					o.UpLoss = loss
				}
				r, err := load.Loss(ctx, o, st.PID)
				if err != nil {
					return err
				}
				r.Row(s.out)
				report.Results = append(report.Results, r)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.write(report)
}
