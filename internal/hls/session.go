package hls

import (
	"crypto/rand"
	"log/slog"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// unused is how long a session may exist without asking for its media playlist:
// not everybody who opens a Multivariant Playlist plays.
const unused = 10 * time.Second

// session is one viewer: whoever was given a Multivariant Playlist. Server.mu
// guards what changes.
type session struct {
	id       string
	packager *packager
	protocol catalog.Protocol
	peer     string
	began    time.Time

	playlists int       // how many were asked for
	last      time.Time // when the last one was
	waiting   int       // requests that are being answered
}

// open makes a session of p. The caller holds s.mu.
func (s *Server) openSession(p *packager, q wish, now time.Time) (*session, error) {
	if len(s.sessions) >= s.config.MaxSessions {
		return nil, &catalog.Denied{Reason: reason.Limit, Detail: "too many viewers"}
	}
	v := &session{id: rand.Text(), packager: p, protocol: q.Protocol, peer: q.RemoteAddr, began: now, last: now}
	s.sessions[v.id], p.sessions[v.id] = v, v
	s.metrics.sessions.WithLabelValues(string(v.protocol)).Inc()
	return v, nil
}

// visit returns the session of an id, which asks for a playlist of app/stream,
// and whether that is its first one. It must be left again.
func (s *Server) visit(id, app, stream string) (v *session, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v = s.sessions[id]
	if s.closed {
		return nil, false, live.ErrShutdown
	}
	if v == nil || v.packager.key.name.App != app || v.packager.key.name.Stream != stream {
		return nil, false, &catalog.Denied{Reason: reason.UnknownSession, Detail: "the session is not known, or over: begin with /{app}/{stream}" + extension}
	}
	v.playlists++
	v.waiting++
	return v, v.playlists == 1, nil
}

func (s *Server) leave(v *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.waiting--
	v.last = time.Now()
}

// expire ends the sessions of p that have been silent, or all of them if all is
// set. It returns how many are left.
func (s *Server) expire(p *packager, now time.Time, all bool, why reason.Reason) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	silence := max(s.config.Silence, 3*time.Duration(p.lanes[0].view.Load().target)*time.Second)
	for id, v := range p.sessions {
		limit := silence
		if v.playlists == 0 {
			limit = min(unused, silence)
		}
		if !all && (v.waiting > 0 || now.Sub(v.last) < limit) {
			continue
		}
		delete(p.sessions, id)
		delete(s.sessions, id)
		s.metrics.closed(v.protocol, why)
		s.log.Info("viewer closed", "stream", p.key.name.String(), "session", v.id, "proto", string(v.protocol), "peer", v.peer,
			"reason", string(why), slog.Duration("lasted", now.Sub(v.began).Round(time.Millisecond)), slog.Int("playlists", v.playlists))
	}
	return len(p.sessions)
}
