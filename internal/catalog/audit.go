package catalog

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// AuditEntry is one change of the catalog. Secrets are shown as fingerprints.
type AuditEntry struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
	// Key is what was changed: its kind, "/" and its name.
	Key string `json:"key"`
	// Before and After are JSON, nil where there was nothing.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

const (
	auditPrefix = "audit/"
	// auditLife is how long audit entries are kept.
	auditLife = 180 * 24 * time.Hour
)

// record adds an audit entry to a change.
func (ch *change) record(key string, before, after any) (err error) {
	e := AuditEntry{At: ch.catalog.now(), By: ch.by, Key: key}
	if before != nil {
		if e.Before, err = json.Marshal(before); err != nil {
			return fmt.Errorf("write audit entry: %w", err)
		}
	}
	if after != nil {
		if e.After, err = json.Marshal(after); err != nil {
			return fmt.Errorf("write audit entry: %w", err)
		}
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	ch.audit = append(ch.audit, raw)
	return nil
}

// auditSize is about how many bytes of audit entries stand together.
const auditSize = 256 << 10

// auditWrites are the writes of audit entries: those of a group stand together, in
// their order. The keys are of no order and nobody else's: revisions tell which is
// the newer one.
func auditWrites(all []json.RawMessage) (writes []Write, err error) {
	for len(all) > 0 {
		n, size := 0, 0
		for n < len(all) && (n == 0 || size+len(all[n]) <= auditSize) {
			size += len(all[n])
			n++
		}
		w := Write{Key: auditPrefix + rand.Text(), Life: auditLife}
		if w.Value, err = json.Marshal(all[:n]); err != nil {
			return nil, fmt.Errorf("write audit entries: %w", err)
		}
		writes, all = append(writes, w), all[n:]
	}
	return writes, nil
}

// Audit returns at most so many of the changes that were made, newest first.
func (c *Catalog) Audit(ctx context.Context, most int) ([]AuditEntry, error) {
	entries, err := c.store.List(ctx, auditPrefix)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(b.Revision, a.Revision) })
	all := []AuditEntry{}
	for _, e := range entries {
		if len(all) >= most {
			break
		}
		group, err := decode[[]AuditEntry](e)
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		slices.Reverse(*group)
		all = append(all, *group...)
	}
	return all[:min(most, len(all))], nil
}

// adopted is the key of an entry that says that AdoptAudit has been through.
const adopted = "meta/audit"

// AdoptAudit takes over the audit log of an older installation, which had a store
// of its own, once: later calls do nothing.
func (c *Catalog) AdoptAudit(ctx context.Context, entries []Entry) error {
	done, err := c.done(ctx, adopted)
	if err != nil || done {
		return err
	}
	all := make([]json.RawMessage, len(entries))
	for i, e := range entries {
		all[i] = e.Value
	}
	writes, err := auditWrites(all)
	if err == nil {
		_, err = c.store.Put(ctx, append(writes, Write{Key: adopted, Value: []byte("{}")})...)
	}
	if err != nil {
		return fmt.Errorf("take over audit log: %w", err)
	}
	return nil
}

// fingerprint stands for a secret where it may be seen.
func fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:4])
}

func (d Domain) public() any {
	d.Functions = slices.Clone(d.Functions)
	for i, f := range d.Functions {
		for name, value := range f.Args {
			if slices.Contains(secretArgs, name) {
				f.Args = maps.Clone(f.Args)
				f.Args[name] = fingerprint(value)
				d.Functions[i] = f
			}
		}
	}
	if d.Callbacks != nil {
		c := *d.Callbacks
		c.Key, c.URL = fingerprint(c.Key), HideCredentials(c.URL, fingerprint)
		d.Callbacks = &c
	}
	return d
}

// secretArgs are the arguments of functions that are keys.
var secretArgs = []string{"auth_key1", "auth_key2", "l2_private_key"}

func (c Certificate) public() any {
	c.Key = fingerprint(c.Key)
	return c
}

func (k AccessKey) public() any {
	k.Secret = fingerprint(k.Secret)
	return k
}

func (b Block) public() any { return b }
