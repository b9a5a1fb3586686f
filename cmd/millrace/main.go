package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"millrace/internal/config"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// program is the command line.
type program struct {
	Serve   serveCommand   `cmd:"" help:"Run a node until it is told to stop."`
	Sign    signCommand    `cmd:"" help:"Make signed URLs."`
	Publish publishCommand `cmd:"" help:"Publish a file or standard input over WebRTC."`
	Play    playCommand    `cmd:"" help:"Write a stream to standard output, for players and recorders."`
	Catalog catalogCommand `cmd:"" help:"Export and import domains, keys and rules."`
	Bench   benchCommand   `cmd:"" help:"Put a load of viewers on a server, of this kind or another, and measure it."`
	Version versionCommand `cmd:"" help:"Say which build this is."`
}

// streams are where a command writes: results to out, the rest to err.
type streams struct{ out, err io.Writer }

// run is main but for the process: it returns the exit status, which is 0, 1
// for a failure or 2 for a command line that cannot be used.
func run(args []string, out, errs io.Writer) int {
	var p program
	helped := false
	parser, err := kong.New(&p,
		kong.Name("millrace"),
		kong.Description("Live video from one broadcaster to many viewers in less than a second."),
		kong.Configuration(config.Load),
		kong.Writers(out, errs),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the structure above is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "millrace: %v\n%s --help says what there is.\n", err, commandOf(err))
		return 2
	}
	if err := command.Run(streams{out, errs}); err != nil {
		fmt.Fprintf(errs, "millrace: %v\n", err)
		return 1
	}
	return 0
}

// commandOf is the command whose line cannot be used, as far as it is one.
func commandOf(err error) string {
	var bad *kong.ParseError
	if errors.As(err, &bad) && bad.Context.Selected() != nil {
		return bad.Context.Selected().FullPath()
	}
	return "millrace"
}
