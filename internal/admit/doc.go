// Package admit is the door: it turns what a client asks for into a publisher
// or a reader of a stream, or into a refusal with its reason.
//
//	Request ─► names and sizes ─► domain ─► access rules ─► signature ─► latency mode ─► hub
//
// It knows the catalog and the hub. It may not know protocols beyond their
// names, nor how a refusal is put into a protocol's words.
package admit
