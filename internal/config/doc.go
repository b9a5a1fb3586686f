// Package config is the boot configuration: what a node needs to know before
// it can start, from flags and from a YAML file with the same keys. What may
// change while it runs is in the catalog.
//
// It is values and their checks. It may not know what listens on an address,
// and it touches no file but through the reader that it is given.
package config
