// Package control is who publishes and who has published: the list of
// publishers, their history, and the end of those that are forbidden. It knows
// publishers as admission tells of them; it may not know protocols.
package control
