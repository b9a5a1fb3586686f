package internal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// tree is the module's root.
var tree = os.DirFS("..")

// maxLines is the most lines of a file that is no test.
const maxLines = 500

// file is one Go source of the module.
type file struct {
	dir, name string
	lines     int
	syntax    *ast.File
	set       *token.FileSet
}

func (f file) isTest() bool        { return strings.HasSuffix(f.name, "_test.go") }
func (f file) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }
func (f file) generated() bool     { return ast.IsGenerated(f.syntax) }
func (f file) selector(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); ok {
		return x.Name + "." + s.Sel.Name
	}
	return "." + s.Sel.Name
}

// sources reads all Go files below root, but for what is not this module's.
func sources(t *testing.T, root fs.FS) []file {
	t.Helper()
	var all []file
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"node_modules", "testdata", "bin", "data", "web"}, base)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, name, src, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, file{path.Dir(name), base, bytes.Count(src, []byte("\n")), syntax, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func report(t *testing.T, f file, faults ...[]string) {
	t.Helper()
	for _, fault := range slices.Concat(faults...) {
		t.Errorf("%s/%s: %s", f.dir, f.name, fault)
	}
}

func wantFault(t *testing.T, source string, faults []string, want string) {
	t.Helper()
	got := strings.Join(faults, "; ")
	if (want == "") != (got == "") || !strings.Contains(got, want) {
		t.Errorf("%s\n got %q\nwant %q", source, got, want)
	}
}

// timed are the rooms that compare moments of media.
var timed = []string{"internal/intake", "internal/live", "internal/rtc", "internal/rtmp", "internal/srt", "internal/transcode"} //nolint:gochecknoglobals // a table

// readsWall says whether a call makes a number of the wall clock's time.
func (f file) readsWall(call *ast.CallExpr) bool {
	to, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(to.Sel.Name, "Unix") {
		return false
	}
	from, ok := to.X.(*ast.CallExpr)
	return ok && f.selector(from.Fun) == "time.Now"
}

// checkRules says which of the rules for sources a file breaks.
func checkRules(f file) (faults []string) {
	say := func(n ast.Node, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("line %d ", f.line(n))+fmt.Sprintf(format, args...))
	}
	if !f.isTest() && !f.generated() && f.lines > maxLines {
		faults = append(faults, fmt.Sprintf("has %d lines, more than %d", f.lines, maxLines))
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				say(n, "has an init function: let main build things")
			}
		case *ast.StructType:
			for _, field := range n.Fields.List {
				if !f.isTest() && f.selector(field.Type) == "context.Context" {
					say(field, "keeps a context in a struct: pass it on")
				}
			}
		case *ast.CallExpr:
			name := f.selector(n.Fun)
			if !f.isTest() && slices.Contains(timed, f.dir) && f.readsWall(n) {
				say(n, "takes a moment from the wall clock, which may be set: use media.Now or a time.Time")
			}
			if f.isTest() && name == "time.Sleep" {
				say(n, "sleeps: wait for the event, or use testing/synctest")
			}
			if f.isTest() && (strings.HasSuffix(name, ".Skip") || strings.HasSuffix(name, ".Skipf") || strings.HasSuffix(name, ".SkipNow")) {
				say(n, "skips a test: each must run")
			}
		}
		return true
	})
	return faults
}

// checkDocs names the packages that do not say what they are: in doc.go, in the
// main.go of a program, or in their only file.
func checkDocs(files []file) (faults []string) {
	packages := map[string][]file{}
	for _, f := range files {
		if !f.isTest() {
			packages[f.dir] = append(packages[f.dir], f)
		}
	}
	for dir, files := range packages {
		says := func(f file) bool {
			return (f.name == "doc.go" || f.name == "main.go" || len(files) == 1) && strings.TrimSpace(f.syntax.Doc.Text()) != ""
		}
		if !slices.ContainsFunc(files, says) {
			faults = append(faults, dir+" does not say what it is: give it a doc.go")
		}
	}
	return faults
}

func TestRules(t *testing.T) {
	files := sources(t, tree)
	if len(files) < 50 {
		t.Fatalf("only %d Go files found", len(files))
	}
	for _, f := range files {
		report(t, f, checkRules(f))
	}
	for _, fault := range checkDocs(files) {
		t.Error(fault)
	}
}

// The check finds what it is there to find.
func TestRulesCheck(t *testing.T) {
	for source, want := range map[string]string{
		"a.go: func init() {}":                               "init function",
		"a.go: type t struct{}; func (t) init() {}":          "",
		"a.go: type t struct{ ctx context.Context }":         "context in a struct",
		"a.go: type t struct{ context.Context }":             "context in a struct",
		"a.go: type t struct{ f func(context.Context) }":     "",
		"a.go: func f() { time.Sleep(1) }":                   "",
		"a.go: var t = time.Now().UnixNano()":                "",
		"internal/rtc/a.go: var t = time.Now().UnixNano()":   "from the wall clock",
		"internal/rtc/a.go: var t = media.Nanos(time.Now())": "",
		"internal/live/a_test.go: var t = time.Now().Unix()": "",
		"a_test.go: func f() { time.Sleep(1) }":              "line 2 sleeps",
		"a_test.go: func f() { go func() { t.Skip() }() }":   "skips a test",
		"a_test.go: func f() { t.Skipf(\"no ffmpeg\") }":     "skips a test",
		"a_test.go: func f() { b.SkipNow() }":                "skips a test",
		"a_test.go: func f() { s.skip(1); t.Log(1) }":        "",
		"a.go: " + strings.Repeat("\n", maxLines-2):          "",
		"a.go: " + strings.Repeat("\n", maxLines):            "has 502 lines",
		"a_test.go: " + strings.Repeat("\n", maxLines):       "",
	} {
		name, body, _ := strings.Cut(source, ": ")
		for _, f := range sources(t, fstest.MapFS{name: {Data: []byte("package p\n" + body + "\n")}}) {
			wantFault(t, strings.TrimRight(source, "\n"), checkRules(f), want)
		}
	}
	const comment = "// Package p is one.\n"
	for source, want := range map[string]string{
		"doc.go":         "",
		"a.go":           "",
		"a.go doc.go":    "",
		"main.go b.go":   "",
		"a.go b.go":      "p does not say what it is",
		"a_test.go":      "",
		"a.go a_test.go": "",
	} {
		fsys := fstest.MapFS{}
		for _, name := range strings.Fields(source) {
			fsys["p/"+name] = &fstest.MapFile{Data: []byte(comment + "package p\n")}
		}
		wantFault(t, source, checkDocs(sources(t, fsys)), want)
	}
	mute := sources(t, fstest.MapFS{"p/doc.go": {Data: []byte("package p\n")}})
	wantFault(t, "doc.go without a word", checkDocs(mute), "p does not say what it is")
}
