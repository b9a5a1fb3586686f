package hls

import (
	"context"
	"fmt"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// tick is how often a packager looks whether it is still wanted.
const tick = time.Second

// run packages until nobody asks any more or ctx ends. The stream may end before:
// its last segments stay for as long as somebody asks for them.
func (s *Server) run(ctx context.Context, p *packager) {
	gauge := s.metrics.packagers.WithLabelValues(string(p.key.container))
	gauge.Inc()
	s.log.Info("packaging", "stream", p.key.name.String(), "container", string(p.key.container))
	var ended error
	var rendering sync.WaitGroup
	rendering.Go(func() {
		ended = p.render(ctx)
		p.close()
	})
	why := s.watch(ctx, p)
	p.cancel(live.ErrClosed)
	rendering.Wait()
	s.mu.Lock()
	if s.packagers[p.key] == p {
		delete(s.packagers, p.key)
	}
	delete(s.runs, p.run)
	s.mu.Unlock()
	s.expire(p, time.Now(), true, why)
	gauge.Dec()
	s.log.Info("packaging ended", "stream", p.key.name.String(), "container", string(p.key.container),
		"reason", string(why), "segments", p.lanes[0].msn-firstSequence, "err", ended)
}

// watch returns when p is not wanted any more, and why.
func (s *Server) watch(ctx context.Context, p *packager) reason.Reason {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return live.ReasonOf(context.Cause(ctx))
		case now := <-clock.C:
			why := reason.IdleTimeout
			if err := p.lanes[0].view.Load().err; err != nil {
				why, _ = explain(err)
			}
			if s.expire(p, now, false, why) == 0 && s.retire(p) {
				return why
			}
		}
	}
}

// retire takes p out of reach of new viewers, unless one has just come.
func (s *Server) retire(p *packager) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p.sessions) > 0 {
		return false
	}
	if s.packagers[p.key] == p {
		delete(s.packagers, p.key)
	}
	return true
}

// close gives the readers up.
func (p *packager) close() {
	p.reader.Close()
	p.source.Close()
}

// outdated says that p cannot serve who comes now: it has ended, or the stream
// has got a picture or sound that its viewers were not told of.
func (p *packager) outdated() bool {
	if p.lanes[0].view.Load().err != nil {
		return true
	}
	video, audio := p.tracks()
	return video != nil && !p.has[media.Video] || audio != nil && !p.has[media.Audio]
}

// hear returns a reader of source's stream whose sound every player takes: that
// of the AAC variant, which follows the source to whatever codec its publisher
// comes back with. Viewers that ask for Opus get the source as it is. So does
// everybody when there is no variant; its sound is left out then if it is Opus.
func (s *Server) hear(ctx context.Context, q wish, source *live.Reader) (*live.Reader, error) {
	if q.opus {
		return source, nil
	}
	r, _, err := s.admission.Play(ctx, q.Request, live.VariantAAC)
	if err == nil {
		return r, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("convert sound: %w", cause)
	}
	video, audio := source.Tracks()
	if audio == nil || audio.Codec != media.Opus {
		return source, nil
	}
	if video == nil {
		return nil, &catalog.Denied{
			Reason: reason.Codec,
			Detail: "the stream's sound is Opus, which cannot be converted now: ask for it with " + formatArgument + "=" + string(fmp4) + "&" + audioArgument + "=" + audioOpus,
		}
	}
	s.log.Warn("stream is packaged without sound", "stream", source.Name().String(), "reason", string(reason.NoDecoder), "err", err)
	return source, nil
}
