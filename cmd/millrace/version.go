package main

import (
	"fmt"
	"runtime"

	"millrace/internal/build"
)

type versionCommand struct{}

// Run prints version, Go version and platform on one line.
func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "millrace %s (%s, %s/%s)\n", build.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
