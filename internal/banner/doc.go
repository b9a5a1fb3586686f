// Package banner is what `millrace serve` says when everything listens: what to
// open, what to give to OBS and ffmpeg, and where the rest is.
//
// It knows words and columns. It may not know keys: it is handed URLs that are
// ready to use.
package banner
