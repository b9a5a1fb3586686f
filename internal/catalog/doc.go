// Package catalog says what is allowed: domains, their keys and modes. Sessions
// read one immutable Snapshot at their start. It may not know protocols,
// sockets, or which streams exist.
package catalog
