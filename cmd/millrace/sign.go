package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"millrace/internal/links"
)

type signCommand struct {
	Target string `arg:"" help:"A stream, as in live/demo, or a whole URL."`

	Validity time.Duration `placeholder:"DURATION" help:"How long the URLs are to work, as in 72h. As long as the domain says, otherwise."`
	At       string        `placeholder:"TIME" help:"Sign as of then, 2026-01-31T12:00:00Z or UNIX seconds. Now, otherwise."`
	JSON     bool          `help:"Print JSON."`
	Domain   string        `placeholder:"NAME" help:"Sign for this domain and its partner. The default ones, otherwise."`
	Host     string        `placeholder:"HOST" help:"Host name or address to put into the URLs of a stream."`
	Publish  bool          `help:"A URL is to publish with: sign it for the ingest domain."`
	Key      string        `placeholder:"KEY" help:"Sign a URL with this key, whatever the data directory holds."`

	Config    kong.ConfigFlag `placeholder:"FILE" help:"The configuration file of serve."`
	DataDir   string          `name:"data-dir" default:"./data" help:"As given to serve, like the addresses below."`
	HTTPAddr  string          `name:"http-addr" default:":8080"`
	HTTPSAddr string          `name:"https-addr" placeholder:"ADDR"`
	TLS       bool            `name:"tls"`
	RTMPAddr  string          `name:"rtmp-addr" default:":1935"`
	RTMPSAddr string          `name:"rtmps-addr" placeholder:"ADDR"`
	SRTAddr   string          `name:"srt-addr" default:":1105"`
	RTSMode   string          `name:"rts-mode" placeholder:"MODE" enum:",sub-second,half-second" default:""`
}

// Run prints the URLs of a stream, or one URL with its token.
func (c *signCommand) Run(s streams) error {
	at, err := links.ParseTime(c.At, time.Now())
	if err != nil {
		return err
	}
	if c.Validity < 0 {
		return fmt.Errorf("--validity %v is over before it begins", c.Validity)
	}
	o := links.Order{Domain: c.Domain, At: at, Life: c.Validity}
	if strings.Contains(c.Target, "://") {
		return c.signURL(s, o)
	}
	return c.signStream(s, o)
}
