package internal_test

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// floors are the packages of this module from the ground up. A package may
// import those of lower lines only: not upwards, and not the rooms beside it.
// "*" stands for one path element.
var floors = [][]string{
	// Floor 0: values and pure functions. No goroutine, no I/O.
	{"internal/media", "internal/reason", "internal/build"},
	{"internal/codec/*", "internal/sign", "internal/timeline"},
	{"internal/wire/*"},
	// Floor 1: what is happening, what is allowed.
	{"internal/live", "internal/catalog"},
	{"internal/config", "internal/catalog/*", "internal/links"},
	{"internal/datadir"},
	{"internal/feed", "internal/intake", "internal/journal", "internal/pair"},
	// Floor 2: rooms with sockets or workers. None imports another.
	{"internal/rtc", "internal/signal", "internal/rtmp", "internal/srt", "internal/httplive", "internal/hls", "internal/acme", "internal/transcode", "internal/relay", "internal/control", "internal/callback"},
	// Floor 3: the only places that know several rooms.
	{"internal/admit", "internal/banner", "internal/console", "internal/demo", "internal/load", "internal/openapi"},
	{"internal/node"},
	// What others may import, and the commands made of it.
	{"client"},
	{"internal/carry"},
	// Programs.
	{"cmd/*", "scripts/*"},
}

// pure is how many of the lines above are floor 0.
const pure = 3

// strangers are packages that a package or a floor may not know, though they
// lie lower or outside. A trailing slash stands for everything below.
var strangers = []struct {
	who  []string
	whom []string
}{
	{slices.Concat(floors[:pure]...), []string{"net", "net/http", "os", "os/exec", "syscall"}},
	{[]string{"internal/live"}, []string{"millrace/internal/wire/", "millrace/internal/codec/", "net", "net/http", "os"}},
	{[]string{"internal/catalog", "internal/admit", "internal/links", "internal/banner"}, []string{"net/http", "millrace/internal/wire/"}},
	{[]string{"internal/rtmp", "internal/srt", "internal/httplive", "internal/hls", "internal/signal", "internal/rtc", "internal/relay"}, []string{"millrace/internal/sign", "millrace/internal/config", "millrace/internal/datadir"}},
}

const module = "millrace/"

// level returns the line of floors that a directory is on, or -1.
func level(dir string) int {
	return slices.IndexFunc(floors, func(line []string) bool { return onLine(line, dir) })
}

func onLine(line []string, dir string) bool {
	return slices.ContainsFunc(line, func(pattern string) bool {
		ok, err := path.Match(pattern, dir)
		return ok && err == nil
	})
}

// checkImports says which imports of a file go where they may not.
func checkImports(f file) (faults []string) {
	from := level(f.dir)
	if from < 0 {
		return []string{"the package is on no floor: give it one in internal/floors_test.go"}
	}
	for _, spec := range f.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{err.Error()}
		}
		if to, own := strings.CutPrefix(name, module); own && to != f.dir && level(to) >= from {
			faults = append(faults, fmt.Sprintf("imports %s, which is not below it", name))
		}
		for _, s := range strangers {
			if onLine(s.who, f.dir) && slices.ContainsFunc(s.whom, func(w string) bool { return w == name || isBelow(name, w) }) {
				faults = append(faults, fmt.Sprintf("imports %s, which it may not know", name))
			}
		}
	}
	return faults
}

func isBelow(name, whom string) bool {
	return strings.HasSuffix(whom, "/") && strings.HasPrefix(name, whom)
}

// checkNoGoroutine keeps floor 0 free of goroutines.
func checkNoGoroutine(f file) (faults []string) {
	if at := level(f.dir); at < 0 || at >= pure {
		return nil
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			faults = append(faults, fmt.Sprintf("line %d starts a goroutine on floor 0", f.line(g)))
		}
		return true
	})
	return faults
}

func TestFloors(t *testing.T) {
	for _, f := range sources(t, tree) {
		if f.isTest() {
			continue // a test may fetch the real thing from any floor
		}
		report(t, f, checkImports(f), checkNoGoroutine(f))
	}
}

// The check finds what it is there to find.
func TestFloorsCheck(t *testing.T) {
	for source, want := range map[string]string{
		"internal/rtc/a.go: import _ \"millrace/internal/rtmp\"":       "not below it",
		"internal/live/a.go: import _ \"millrace/internal/rtc\"":       "not below it",
		"internal/media/a.go: import _ \"millrace/internal/reason\"":   "not below it",
		"internal/wire/flv/a.go: import _ \"millrace/cmd/millrace\"":   "not below it",
		"internal/wire/flv/a.go: import _ \"millrace/internal/media\"": "",
		"internal/node/a.go: import _ \"millrace/internal/rtc\"":       "",
		"internal/live/a.go: import _ \"millrace/internal/wire/rtp\"":  "may not know",
		"internal/wire/flv/a.go: import _ \"net/http\"":                "may not know",
		"internal/wire/flv/a.go: import _ \"net/netip\"":               "",
		"internal/rtc/deeper/a.go: import _ \"fmt\"":                   "on no floor",
		"internal/attic/a.go: import _ \"fmt\"":                        "on no floor",
		"internal/wire/flv/a.go: func f() { go f() }":                  "line 2 starts a goroutine",
		"internal/rtc/a.go: func f() { go f() }":                       "",
	} {
		name, body, _ := strings.Cut(source, ": ")
		for _, f := range sources(t, fstest.MapFS{name: {Data: []byte("package p\n" + body + "\n")}}) {
			wantFault(t, source, append(checkImports(f), checkNoGoroutine(f)...), want)
		}
	}
}
