// Package build says which build of the program this is. It may not know
// anything else.
package build
