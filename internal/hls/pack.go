package hls

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// packers are *gzip.Writer: each takes most of a megabyte.
var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that exists
	return w
}}

// pack returns the text of a style in gzip, for all who ask: players get a
// playlist several times a second, and read a third of it so.
func (v *view) pack(s style) []byte {
	t := &v.packed[s]
	t.once.Do(func() {
		var out bytes.Buffer
		w := packers.Get().(*gzip.Writer)
		defer packers.Put(w)
		w.Reset(&out)
		_, _ = w.Write(v.playlist(s)) // to memory
		_ = w.Close()
		t.text = out.Bytes()
	})
	return t.text
}

// takesGzip says whether an answer to r may be in gzip (RFC 9110 section 12.5.3).
func takesGzip(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(list, ",") {
			name, quality, _ := strings.Cut(one, ";")
			weight, weighted := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && !(weighted && strings.Trim(weight, "0.") == "") {
				return true
			}
		}
	}
	return false
}
