package rtc

import (
	"bytes"
	"context"
	"errors"
	"time"

	"millrace/internal/codec/aac"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// A stream goes on with whoever publishes it next, and that one may bring other
// sound. A viewer hears the codec of its answer alone, so it goes over to the
// variant of the stream that has it, and back to the stream itself once that
// has. What is to be read is fetched on a goroutine, since a conversion takes
// time to start; going over is the shard's (move.go).

const (
	// errandPatience bounds the wait for a variant.
	errandPatience = live.StartWait
	// errandAgain is the time from an errand that brought nothing to the next, which
	// doubles with each that brings nothing, up to maxAgain times.
	errandAgain = 5 * time.Second
	maxAgain    = 4
)

// errand fetches readers of one variant for viewers of one group. The shard's but
// for readers, which are handed over by cmdMove.
type errand struct {
	variant string
	viewers []*viewer
	readers []*live.Reader // one per viewer, or none
	waiting int            // viewers that have not left
	cancel  context.CancelFunc
}

// without notes that a viewer has left; for the last one nothing is fetched.
func (e *errand) without(v *viewer) {
	if e == nil {
		return
	}
	v.errand = nil
	if e.waiting--; e.waiting == 0 {
		e.cancel()
	}
}

// variantFor names the variant that v hears the stream's sound in, "" for the
// stream itself. It is false where there is no sound, or none that helps.
func (v *viewer) variantFor(audio *media.Track) (variant string, ok bool) {
	if v.audio == nil || audio == nil {
		return "", false
	}
	takes := v.audio.format.Codec
	switch {
	case audio.Codec == takes:
		return "", true
	case audio.Codec == media.AAC && takes == media.Opus:
		return live.VariantOpus, true
	case audio.Codec == media.Opus && takes == media.AAC:
		return live.VariantAAC, true
	}
	return "", false
}

// suit looks whether the sound of a group's stream has become another, and sends
// once more for those who got nothing.
func (sh *shard) suit(g *group, now int64) {
	if len(g.viewers) == 0 {
		return
	}
	r := g.viewers[0].session.reader()
	_, source := r.SourceTracks()
	_, audio := r.Tracks()
	if audio != g.audio {
		g.audio = audio
		for _, v := range g.viewers {
			sh.understand(v, audio)
		}
	}
	past := now - g.inVain
	switch {
	case source != g.source:
		g.source, g.again = source, 0
	case g.inVain != 0 && (past < 0 || past >= int64(errandAgain)<<g.again):
		g.again = min(g.again+1, maxAgain)
	default:
		return
	}
	g.inVain = 0
	sh.fetch(g.viewers, source)
}

// inVain notes that v has got nothing to go over to. It is sent for again, as are
// the others of its group that hear nothing then.
func (sh *shard) inVain(v *viewer, now int64) {
	v.errand = nil
	sh.groups[v.packets].inVain = now
}

// understand lets v go if it was told of other sound of the same codec, and what
// it is sent does not tell: who connects anew is told.
func (sh *shard) understand(v *viewer, audio *media.Track) {
	if v.audio == nil || audio == nil || v.audio.format.Framing != sdp.FramingLATM || audio.Codec != media.AAC {
		return
	}
	if !bytes.Equal(muxConfig(v.audio.format.Config), muxConfig(audio.Config)) {
		sh.server.end(v.session, reason.Codec)
	}
}

// muxConfig is what an answer tells of AAC in LATM; nil for what it cannot tell.
func muxConfig(config []byte) []byte {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return nil
	}
	mux, _ := aac.StreamMuxConfig(c)
	return mux
}

// fetch sends for what the viewers can hear, of those that hear nothing now.
func (sh *shard) fetch(viewers []*viewer, audio *media.Track) {
	var errands []*errand
next:
	for _, v := range viewers {
		variant, ok := v.variantFor(audio)
		if !ok || v.errand != nil || variant == v.session.reader().Name().Variant {
			continue
		}
		if v.halfSecond && variant != "" { // nothing is converted there
			sh.server.end(v.session, reason.Codec)
			continue
		}
		for _, e := range errands {
			if e.variant == variant {
				e.viewers = append(e.viewers, v)
				continue next
			}
		}
		errands = append(errands, &errand{variant: variant, viewers: []*viewer{v}})
	}
	for _, e := range errands {
		ctx, cancel := context.WithTimeout(context.Background(), errandPatience)
		e.cancel = cancel
		if !sh.server.goOn(func() { e.run(ctx, sh) }) {
			cancel()
			return
		}
		e.waiting = len(e.viewers)
		for _, v := range e.viewers {
			v.errand = e
		}
	}
}

// run fetches a reader for each viewer and hands them to the shard.
func (e *errand) run(ctx context.Context, sh *shard) {
	defer e.cancel()
	from := e.viewers[0].session.reader()
	for range e.viewers {
		r, err := from.Variant(ctx, e.variant)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				sh.server.log.Warn("viewers have no sound", "stream", from.Name().String(), "variant", e.variant,
					"viewers", len(e.viewers), "reason", string(live.ReasonOf(err)), "err", err)
			}
			break
		}
		r.Packets() // made here, where it keeps nobody's media waiting
		e.readers = append(e.readers, r)
	}
	sh.post(command{kind: cmdMove, errand: e})
}

// brought takes what an errand has fetched.
func (sh *shard) brought(e *errand, now int64) {
	for i, v := range e.viewers {
		var r *live.Reader
		if i < len(e.readers) {
			r = e.readers[i]
		}
		switch {
		case v.errand != e: // it has left
			if r != nil {
				r.Close()
			}
		case r == nil:
			sh.inVain(v, now)
		default:
			sh.groups[v.packets].again = 0
			sh.moves = append(sh.moves, move{viewer: v, reader: r, until: now + int64(movePatience)})
		}
	}
}
