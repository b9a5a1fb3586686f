package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a data directory that exists and can be written to.
type Dir struct{ path string }

// Open makes the directory where it is missing and finds out whether files can
// be made in it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unusable("make", err)
	}
	probe, err := os.CreateTemp(path, ".probe-*")
	if err != nil {
		return nil, unusable("write to", err)
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return nil, unusable("write to", err)
	}
	return &Dir{path}, nil
}

func unusable(what string, err error) error {
	return fmt.Errorf("%s data directory: %w: --data-dir wants a directory that this user may write to, on a disk with room", what, err)
}

// Path is the directory's name.
func (d *Dir) Path() string { return d.path }

// write puts a file of secrets in place as a whole, so that no reader and no
// crash sees half of it. Without replace it fails with fs.ErrExist where there
// is a file already.
func (d *Dir) write(name string, content []byte, replace bool) error {
	path := filepath.Join(d.path, name)
	temp, err := os.CreateTemp(d.path, "."+name+"-*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp.Name())))
	}
	if !replace {
		err = os.Link(temp.Name(), path)
		// Not every file system has links; there the last one wins.
		replace = err != nil && !errors.Is(err, fs.ErrExist)
	}
	if replace {
		err = os.Rename(temp.Name(), path)
	}
	if rerr := os.Remove(temp.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
