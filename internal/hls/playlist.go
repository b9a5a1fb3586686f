package hls

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/reason"
	"millrace/internal/wire/hls"
)

// setPlaylist sets the headers of a playlist. Each one is some viewer's own: no
// cache may keep it.
func setPlaylist(h http.Header) {
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	h.Set("Cache-Control", "no-store")
}

// multivariant renders the Multivariant Playlist at path for a session. Its
// addresses are relative.
func (p *packager) multivariant(path, session string) []byte {
	base := strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], extension) + "/"
	query := "?" + sessionArgument + "=" + session
	m := hls.Multivariant{URI: base + p.lanes[0].kind.playlist + query, Bandwidth: p.bandwidth(), Tracks: *p.told.Load()}
	if len(p.lanes) > 1 {
		m.Audio = base + p.lanes[1].kind.playlist + query
	}
	return m.Append(nil)
}

// ServePlaylist answers a request for a media playlist. It blocks as the request's
// delivery directives ask, bounded by three target durations.
func (s *Server) ServePlaylist(w http.ResponseWriter, r *http.Request) {
	if !opens(w, r) {
		return
	}
	body, packed, err := s.playlist(r)
	if err != nil {
		why := refuse(w, err)
		s.metrics.refusals.WithLabelValues(filePlaylist, string(why)).Inc()
		s.log.Debug("playlist refused", "stream", r.PathValue("app")+"/"+r.PathValue("stream"), "peer", r.RemoteAddr, "reason", string(why), "err", err)
		return
	}
	setPlaylist(w.Header())
	w.Header().Add("Vary", "Accept-Encoding")
	if packed {
		w.Header().Set("Content-Encoding", "gzip")
	}
	s.metrics.bytes.WithLabelValues(filePlaylist).Add(float64(len(body)))
	s.allow(w)
	_, _ = w.Write(body) // who is gone has no use for it
}

// playlist returns the text that r asks for, and whether it is in gzip.
func (s *Server) playlist(r *http.Request) (text []byte, packed bool, err error) {
	v, first, err := s.visit(catalog.Argument(r.URL.RawQuery, sessionArgument), r.PathValue("app"), r.PathValue("stream"))
	if err != nil {
		return nil, false, err
	}
	defer s.leave(v)
	l := v.packager.lane(func(l *lane) bool { return l.kind.playlist == r.PathValue("playlist") })
	if l == nil {
		return nil, false, &catalog.Denied{Reason: reason.NotFound, Detail: "the stream has no such playlist"}
	}
	d, err := parseDirectives(r.URL.RawQuery)
	if err != nil {
		return nil, false, err
	}
	was := l.view.Load()
	now, err := s.await(r.Context(), l, d)
	if err != nil {
		return nil, false, err
	}
	kind := classic
	if v.protocol == catalog.LLHLS {
		if first && d == nothing && now == was {
			now = s.freshen(r.Context(), now)
		}
		if kind = low; d.skip {
			kind = delta
		}
		if len(v.packager.lanes) > 1 { // their reports are the viewer's own
			return v.packager.report(now.playlist(kind), l, v.id), false, nil
		}
	}
	if takesGzip(r) {
		return now.pack(kind), true, nil
	}
	return now.playlist(kind), false, nil
}

// report appends where the other lane stands.
func (p *packager) report(text []byte, l *lane, session string) []byte {
	text = text[:len(text):len(text)] // shared
	for _, other := range p.lanes {
		if at := other.view.Load().last(); other != l && at.msn >= 0 {
			text = hls.AppendReport(text, other.kind.playlist+"?"+sessionArgument+"="+session, at.msn, max(at.part, 0))
		}
	}
	return text
}

func (p *packager) lane(is func(*lane) bool) *lane {
	for _, l := range p.lanes {
		if is(l) {
			return l
		}
	}
	return nil
}

// partsAhead is how much more than there is a request may ask for, in time
// (8216bis section 6.2.5.2, Advance Part Limit).
const partsAhead = 3 * time.Second

// await returns a view that holds what d asks for.
func (s *Server) await(ctx context.Context, l *lane, d directives) (*view, error) {
	v := l.view.Load()
	last := v.last()
	tooFar := d.after.msn > last.msn+2
	if v.parted > 0 && d.after.msn == last.msn {
		tooFar = d.after.part > last.part+int((partsAhead+v.parted-1)/v.parted)
	}
	if last.msn >= 0 && tooFar {
		return nil, &catalog.Denied{Reason: reason.BadRequest, Detail: fmt.Sprintf(
			"_HLS_msn=%d and _HLS_part=%d are too far ahead of %d.%d", d.after.msn, d.after.part, last.msn, last.part)}
	}
	limit := s.config.FirstTimeout
	if v.target > 0 {
		limit = 3 * time.Duration(v.target) * time.Second
	}
	return s.wait(ctx, l, limit, func(v *view) bool {
		return v.listed > 0 && (d.after.msn < 0 || v.has(d.after))
	})
}

// freshen returns the view after v, if that comes within about a part. A player
// counts its distance from the end of its first playlist, which it takes for new:
// however old that was, so much later the player stays for good.
func (s *Server) freshen(ctx context.Context, v *view) *view {
	if v.err != nil || v.parted == 0 {
		return v
	}
	if next, err := s.wait(ctx, v.lane, v.parted*5/4, func(now *view) bool { return now.next != v.next }); err == nil {
		return next
	}
	return v
}

// wait returns the first view that is what is wanted, or the last one of a lane
// that has ended.
func (s *Server) wait(ctx context.Context, l *lane, limit time.Duration, wanted func(*view) bool) (*view, error) {
	v := l.view.Load()
	if wanted(v) && !v.stopped() {
		return v, nil
	}
	if s.waiting.Add(1) > int64(s.config.MaxWaiting) {
		s.waiting.Add(-1)
		return nil, &catalog.Denied{Reason: reason.Limit, Detail: "too many requests are waiting"}
	}
	s.metrics.waiting.Inc()
	defer func() {
		s.waiting.Add(-1)
		s.metrics.waiting.Dec()
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		switch {
		case v.stopped() || v.err != nil && v.listed == 0:
			return nil, v.err
		case wanted(v):
			return v, nil
		case v.err != nil:
			return v, nil
		}
		select {
		case <-v.changed:
			v = l.view.Load()
		case <-late.C:
			return nil, &catalog.Denied{Reason: reason.Timeout, Detail: "what was asked for did not come in time"}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// allow gives the client the full time to take an answer that others waited for.
func (s *Server) allow(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.config.WriteTimeout))
}
