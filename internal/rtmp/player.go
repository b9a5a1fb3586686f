package rtmp

import (
	"context"
	"fmt"
	"io"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// Player plays one stream over RTMP. One goroutine uses it, but for Close.
type Player struct {
	caller
	decoder flv.Decoder
	first   *rtmpchunk.Message // media that came before the answer to play
	broken  int                // messages in a row that make no sense
}

// Play connects to rtmp://host[:port]/app/stream[?query], or rtmps://, and plays
// it. It blocks until the server has agreed, refused (*StatusError), or ctx has
// ended. ctx means nothing to the Player that it returns.
func (d Dialer) Play(ctx context.Context, url string) (*Player, error) {
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	p := &Player{}
	if err := d.call(ctx, t, &p.caller, func() error { return p.greet(t) }); err != nil {
		return nil, fmt.Errorf("play over RTMP: %w", err)
	}
	p.net.idle(Config{}.withDefaults().IdleTimeout)
	return p, nil
}

// takenCodecs are what a Player says that it takes of the enhanced form.
var takenCodecs = []media.Codec{media.H264, media.H265, media.AV1, media.VP9, media.AAC, media.Opus} //nolint:gochecknoglobals // a table

// greet is the way to NetStream.Play.Start, or to the first media.
func (p *Player) greet(t target) error {
	about := connectObject(t)
	var list amf0.StrictArray
	for _, c := range takenCodecs {
		list = append(list, flv.FourCC(c))
	}
	if err := p.connect(append(about, amf0.ObjectEntry{Key: "fourCcList", Value: list})); err != nil {
		return err
	}
	if err := p.createStream(2); err != nil {
		return err
	}
	p.in.SetLimits(Config{}.withDefaults().limits())
	if err := p.send(8, p.stream, "play", 3, nil, t.name); err != nil {
		return err
	}
	for {
		m, err := p.in.Next()
		if err != nil {
			return err
		}
		if m.Type == rtmpchunk.TypeAudio || m.Type == rtmpchunk.TypeVideo {
			p.first = &m
			return nil
		}
		if code, err := p.hear(m); code == codePlaying || err != nil {
			return err
		}
	}
}

// Next returns the next frame, which the caller owns, with times on the server's
// own scale. It waits for it, for 15 seconds at most. It fails with io.EOF when
// the stream has ended, and with a *StatusError when the server says why.
func (p *Player) Next() (*media.Frame, error) {
	for {
		m, err := p.message()
		if err != nil {
			return nil, fmt.Errorf("read RTMP: %w", err)
		}
		if m.Type != rtmpchunk.TypeAudio && m.Type != rtmpchunk.TypeVideo {
			if _, err := p.hear(m); err != nil {
				return nil, err
			}
			continue
		}
		f, err := p.decoder.Frame(m.Type, m.Timestamp, m.Body)
		if err != nil {
			if p.broken++; p.broken >= maxBroken {
				return nil, err
			}
			continue
		}
		if f != nil {
			p.broken = 0
			return f, nil
		}
	}
}

func (p *Player) message() (rtmpchunk.Message, error) {
	if m := p.first; m != nil {
		p.first = nil
		return *m, nil
	}
	return p.in.Next()
}

// hear takes what is no media. It returns the code of a status, and the end of the
// stream as an error.
func (p *Player) hear(m rtmpchunk.Message) (code string, err error) {
	switch m.Type {
	case rtmpchunk.TypeDataAMF0, rtmpchunk.TypeDataAMF3:
		_, err := p.decoder.Frame(rtmpchunk.TypeDataAMF0, m.Timestamp, scriptOf(m)) // it goes with a later one
		return "", err
	case rtmpchunk.TypeCommandAMF0, rtmpchunk.TypeCommandAMF3:
	default:
		return "", p.heed(m)
	}
	cmd, err := parseCommand(m)
	if err != nil || cmd.name != "onStatus" {
		return "", nil //nolint:nilerr // what makes no sense says nothing
	}
	about, _ := object(cmd.args, 1)
	code, _ = about.GetString("code")
	if level, _ := about.GetString("level"); level == "error" {
		return code, statusError(cmd)
	}
	if code == codePlayEnded || code == codePlayStopped {
		return code, io.EOF
	}
	return code, nil
}

// Promised says which kinds of tracks the stream's metadata names; known is false
// until there was any.
func (p *Player) Promised() (video, audio, known bool) { return p.decoder.Promised() }

// Description is what the server has said of the stream besides its tracks, and
// whether that is new since the last call.
func (p *Player) Description() (about media.Metadata, changed bool) { return p.decoder.Description() }

// Close closes the connection, which ends Next. Any goroutine may call it.
func (p *Player) Close() error { return p.net.Close() }
