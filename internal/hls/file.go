package hls

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// keep is how long caches may keep what never changes.
const keep = "public, max-age=3600, immutable"

// ServeFile answers a request for a segment, a part or an initialization section.
// One for the part that a playlist hints at waits for it.
func (s *Server) ServeFile(w http.ResponseWriter, r *http.Request) {
	if !opens(w, r) {
		return
	}
	content, kind, err := s.file(r)
	if err != nil {
		why := refuse(w, err)
		s.metrics.refusals.WithLabelValues(fileMedia, string(why)).Inc()
		s.log.Debug("file refused", "path", r.URL.Path, "peer", r.RemoteAddr, "reason", string(why), "err", err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", keep)
	h.Set("ETag", strconv.Quote(r.PathValue("file"))) // names are never used twice
	s.allow(w)
	sent := &counter{ResponseWriter: w}
	http.ServeContent(sent, r, "", time.Time{}, content)
	s.metrics.bytes.WithLabelValues(fileMedia).Add(float64(sent.n))
}

// file finds what r asks for, and its type.
func (s *Server) file(r *http.Request) (io.ReadSeeker, string, error) {
	gone := &catalog.Denied{Reason: reason.NotFound, Detail: "there is no such file, or no more"}
	s.mu.Lock()
	p := s.runs[r.PathValue("run")]
	s.mu.Unlock()
	f, ok := parseFile(r.PathValue("file"))
	if p == nil || !ok || p.key.name.App != r.PathValue("app") || p.key.name.Stream != r.PathValue("stream") {
		return nil, "", gone
	}
	l := p.lane(func(l *lane) bool { return l.kind.letter == f.letter })
	if l == nil {
		return nil, "", gone
	}
	v := l.view.Load()
	if f.init {
		if i := v.section(f.section); i != nil {
			return bytes.NewReader(i.data), l.kind.contentType, nil
		}
		return nil, "", gone
	}
	if f.part >= 0 && f.place == v.next && v.err == nil {
		var err error
		limit := max(3*time.Duration(v.target)*time.Second, tick)
		if v, err = s.wait(r.Context(), l, limit, func(v *view) bool { return v.next != f.place }); err != nil {
			return nil, "", err
		}
	}
	segment := v.find(f.msn)
	switch {
	case segment == nil || segment.gap || f.part >= len(segment.parts) || f.part < 0 && segment == v.open:
		return nil, "", gone
	case f.part >= 0:
		return bytes.NewReader(segment.parts[f.part].data), l.kind.contentType, nil
	case len(segment.parts) == 1:
		return bytes.NewReader(segment.parts[0].data), l.kind.contentType, nil
	}
	return &whole{parts: segment.parts, size: int64(segment.size)}, l.kind.contentType, nil
}

// whole reads the parts of a segment one behind the other.
type whole struct {
	parts    []part
	size, at int64
}

func (w *whole) Read(b []byte) (int, error) {
	from := w.at
	for _, p := range w.parts {
		if from < int64(len(p.data)) {
			n := copy(b, p.data[from:])
			w.at += int64(n)
			return n, nil
		}
		from -= int64(len(p.data))
	}
	return 0, io.EOF
}

// Seek is what http.ServeContent needs of an io.Seeker.
func (w *whole) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size
	}
	w.at = max(offset, 0)
	return w.at, nil
}

// counter counts what an answer's body takes.
type counter struct {
	http.ResponseWriter
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
