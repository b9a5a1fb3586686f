package main

import (
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"millrace/client"
	"millrace/internal/carry"
)

// connectFlags say how a server is reached.
type connectFlags struct {
	Token       string `placeholder:"TOKEN" help:"Bearer token, for WHIP and WHEP servers that want one."`
	HTTPS       bool   `name:"https" help:"Ask artc:// URLs over HTTPS, as on port 443 anyway."`
	Insecure    bool   `help:"Take any certificate."`
	Wait        bool   `help:"Try again if the first attempt fails, as for a stream that is about to begin."`
	NoReconnect bool   `name:"no-reconnect" help:"End when the connection is lost."`
	Stats       bool   `help:"Print figures each second."`
}

func (f *connectFlags) connection() client.Connection {
	c := client.Connection{Token: f.Token, HTTPS: f.HTTPS, Reconnect: client.Reconnect{Off: f.NoReconnect, Initial: f.Wait}}
	if f.Insecure {
		c.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the user asks for it
	}
	return c
}

type publishCommand struct {
	URL   string `arg:"" help:"Where to: artc://host/app/stream, or a WHIP URL."`
	Input string `short:"i" default:"-" placeholder:"FILE" help:"FLV, MPEG-TS, or anything that ffmpeg can take apart, in H264 and AAC or Opus. Standard input by default."`
	Loop  bool   `help:"Begin again at the end of the file."`
	Fast  bool   `help:"Send as fast as it can be read, for input that is live by itself."`
	LATM  bool   `name:"latm" help:"Send AAC in LATM and not in ADTS."`
	connectFlags
}

// Run publishes a file or standard input at the pace of its timestamps.
func (c *publishCommand) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ffmpeg, _ := exec.LookPath("ffmpeg") // its absence matters only to formats that need it
	p := carry.Publish{
		URL: c.URL, Input: carry.Input{Path: c.Input, Stdin: os.Stdin, FFmpeg: ffmpeg}, Loop: c.Loop, Fast: c.Fast, LATM: c.LATM,
		Connection: c.connection(), Line: &carry.Line{W: s.err, Live: c.Stats},
	}
	return p.Run(ctx)
}
