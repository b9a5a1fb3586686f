package config

import (
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"millrace/internal/catalog"
)

// maxFile is the most that is read of a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads a configuration file for kong, which asks it for each flag that is
// not on the command line. It refuses unknown keys, repeated keys and values
// that cannot be used, with the line and a mark under the place. Its signature
// is kong.ConfigurationLoader.
func Load(r io.Reader) (kong.Resolver, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", nameOf(r), err)
	}
	values, err := parse(src)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", nameOf(r), err)
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		return values[flag.Name], nil
	}), nil
}

// parse returns the settings that src makes, each in a form that kong's mappers
// take: bool, string or list.
func parse(src []byte) (map[string]any, error) {
	c, values := Default(), map[string]any{}
	if err := catalog.DecodeYAML(src, &values); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(values) == 0 {
		return nil, nil
	}
	if err := catalog.DecodeYAML(src, &c); err != nil {
		return nil, err
	}
	if _, err := c.Finish(); err != nil {
		return nil, mark(err, src)
	}
	for key, v := range values {
		switch v.(type) {
		case nil:
			delete(values, key)
		case bool, string, []any:
		default:
			values[key] = fmt.Sprint(v) // a number where text is wanted
		}
	}
	return values, nil
}

// mark adds the place in src that a *BadValue came from.
func mark(err error, src []byte) error {
	var bad *BadValue
	if !errors.As(err, &bad) {
		return err
	}
	path, perr := yaml.PathString("$." + bad.Key)
	if perr != nil {
		return err
	}
	place, perr := path.AnnotateSource(src, false)
	if perr != nil {
		return err
	}
	return fmt.Errorf("%w\n%s", err, place)
}

// nameOf is the name of a file, for messages.
func nameOf(r io.Reader) string {
	if f, ok := r.(interface{ Name() string }); ok {
		return f.Name()
	}
	return "configuration"
}
