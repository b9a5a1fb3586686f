// Package journal keeps lists of what has happened: in memory, where they are
// read, and in a store, from which they come back after a restart. A list is
// bounded by number and by age. It may not know what is written.
package journal
