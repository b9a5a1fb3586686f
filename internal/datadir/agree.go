package datadir

import (
	"fmt"
	"strings"

	"millrace/internal/catalog"
)

// agree checks what the domains say about each other.
func agree(domains []catalog.Domain) error {
	byName := map[string]catalog.Domain{}
	defaults := map[catalog.Role]string{}
	for _, d := range domains {
		if _, twice := byName[d.Name]; twice {
			return fmt.Errorf("domain %q is there twice", d.Name)
		}
		byName[d.Name] = d
		if !d.Default {
			continue
		}
		if first := defaults[d.Role]; first != "" {
			return fmt.Errorf("%q and %q are both the default of their type", first, d.Name)
		}
		defaults[d.Role] = d.Name
	}
	for _, d := range domains {
		main, known := byName[d.Main]
		if !known || main.Role != catalog.Streaming {
			return fmt.Errorf("domain %q: streaming-domain %q is no streaming domain here", d.Name, d.Main)
		}
		if main.Main != main.Name {
			return fmt.Errorf("domain %q: streaming-domain %q hangs under %q itself", d.Name, main.Name, main.Main)
		}
	}
	return nil
}

// isHostName takes what RFC 1123 section 2.1 does.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(strings.ToLower(label)) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}
