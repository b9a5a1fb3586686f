package banner

import (
	"io"
	"os"
)

// style is how a terminal sets off words; the zero value leaves them plain.
type style struct{ colour bool }

// styleOf finds out whether w is a terminal whose user wants colours
// (no-color.org).
func styleOf(w io.Writer) style {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return style{}
	}
	stat, err := f.Stat()
	return style{colour: err == nil && stat.Mode()&os.ModeCharDevice != 0}
}

func (s style) bold(text string) string  { return s.wrap("1", text) }
func (s style) faint(text string) string { return s.wrap("2", text) }
func (s style) link(text string) string  { return s.wrap("36", text) }

func (s style) wrap(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
