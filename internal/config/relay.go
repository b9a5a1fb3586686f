package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"millrace/internal/catalog"
)

// Pull says which streams come from other servers. {app} and {stream} in a URL
// stand for the stream's names.
type Pull struct {
	// Stream is app/stream, where * stands for any part of one name.
	Stream string `yaml:"stream"`
	// Domain is the streaming domain; "": the default one.
	Domain string `yaml:"domain,omitempty"`
	// From are URLs, the preferred one first.
	From []string `yaml:"from"`
	// Always keeps the stream while nobody watches; Stream is then one name.
	Always bool `yaml:"always,omitempty"`
}

// Push says which streams are published to other servers, too.
type Push struct {
	Stream string   `yaml:"stream"`
	Domain string   `yaml:"domain,omitempty"`
	To     []string `yaml:"to"`
	// Opus leaves Opus as it is; otherwise it becomes AAC.
	Opus bool `yaml:"opus,omitempty"`
}

// Pulls are in the order in which they are looked at.
type Pulls []Pull

// Pushes all hold.
type Pushes []Push

// Decode implements kong.MapperValue: a rule or a list of them, in YAML.
func (p *Pulls) Decode(ctx *kong.DecodeContext) error { return decode(ctx, (*[]Pull)(p)) }

// Decode implements kong.MapperValue.
func (p *Pushes) Decode(ctx *kong.DecodeContext) error { return decode(ctx, (*[]Push)(p)) }

func decode[T any](ctx *kong.DecodeContext, to *[]T) error {
	token, err := ctx.Scan.PopValue("rule")
	if err != nil {
		return err
	}
	text, ok := token.Value.(string)
	if !ok { // of a file, which has been looked at
		src, err := yaml.Marshal(token.Value)
		if err != nil {
			return fmt.Errorf("read rules: %w", err)
		}
		text = string(src)
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		text = "[" + text + "]"
	}
	var rules []T
	if err := catalog.DecodeYAML([]byte(text), &rules); err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	*to = append(*to, rules...)
	return nil
}

// maxTargets bounds how many URLs one rule has.
const maxTargets = 16

// checkRule looks at a rule's pattern and URLs.
func checkRule(key, stream string, urls []string, schemes ...string) error {
	app, name, ok := strings.Cut(stream, "/")
	if !ok || app == "" || name == "" || strings.Contains(name, "/") {
		return &BadValue{key, stream, "is not app/stream, as in live/* or live/news"}
	}
	if strings.ContainsFunc(stream, func(r rune) bool { return r != '*' && r != '/' && !isNameRune(r) }) {
		return &BadValue{key, stream, "holds what no name has"}
	}
	if _, err := path.Match(stream, ""); err != nil {
		return &BadValue{key, stream, "is no pattern"}
	}
	if len(urls) == 0 || len(urls) > maxTargets {
		return &BadValue{key, stream, fmt.Sprintf("has not 1 to %d URLs", maxTargets)}
	}
	for _, raw := range urls {
		u, err := url.Parse(strings.NewReplacer("{app}", "app", "{stream}", "stream").Replace(raw))
		switch {
		case err != nil || u.Host == "" || u.User != nil || strings.Contains(hostOf(raw), "{"):
			return &BadValue{key, shown(raw), "is no URL of a server"}
		case !slices.Contains(schemes, u.Scheme):
			return &BadValue{key, shown(raw), "is not of " + strings.Join(schemes, ", ")}
		}
	}
	return nil
}

// hostOf is the host of a URL that has not been filled in.
func hostOf(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	return rest[:strings.IndexAny(rest+"/", "/?")]
}

// shown is a URL without its query, which may hold a key.
func shown(raw string) string {
	bare, _, _ := strings.Cut(raw, "?")
	return bare
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)
}

// checkRelays looks at the rules for other servers.
func (c Config) checkRelays() error {
	for _, r := range c.Pull {
		if err := checkRule("pull", r.Stream, r.From, "rtmp", "rtmps", "http", "https", "srt"); err != nil {
			return err
		}
		if r.Always && strings.Contains(r.Stream, "*") {
			return &BadValue{"pull", r.Stream, "is not one stream, which always wants"}
		}
	}
	for _, r := range c.Push {
		if err := checkRule("push", r.Stream, r.To, "rtmp", "rtmps", "srt"); err != nil {
			return err
		}
	}
	return nil
}
