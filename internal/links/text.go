package links

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes the URLs in columns, one a line.
func (s Set) Text(w io.Writer) error {
	var b strings.Builder
	for _, part := range []struct {
		title string
		rows  [][2]string
	}{
		{"publish", [][2]string{
			{"RTMP", s.Publish.RTMP}, {"OBS server", s.Publish.Server}, {"OBS stream key", s.Publish.Key},
			{"RTMPS", s.Publish.RTMPS}, {"WHIP", s.Publish.WHIP}, {"ARTC", s.Publish.ARTC}, {"SRT", s.Publish.SRT},
		}},
		{"play", [][2]string{
			{"ARTC", s.Play.ARTC}, {"WHEP", s.Play.WHEP}, {"HTTP-FLV", s.Play.FLV}, {"WS-FLV", s.Play.WSFLV},
			{"RTMP", s.Play.RTMP}, {"RTMPS", s.Play.RTMPS}, {"SRT", s.Play.SRT},
			{"HLS", s.Play.HLS}, {"LL-HLS", s.Play.LLHLS},
		}},
	} {
		for _, row := range part.rows {
			if row[1] == "" {
				continue
			}
			fmt.Fprintf(&b, "%-8s %-15s %s\n", part.title, row[0], row[1])
			part.title = ""
		}
	}
	if s.Expires != nil {
		fmt.Fprintf(&b, "%-8s %s\n", "expires", s.Expires.UTC().Format(time.RFC3339))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
