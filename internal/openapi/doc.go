// Package openapi is the API of ApsaraVideo Live: one endpoint, RPC style,
// version 2016-11-01, for the official clients.
//
//	request ─► limits ─► parameters ─► signature, clock, nonce ─► scope ─► action ─► JSON or XML
//
// An action is one row of the table in actions.go: its name, what it takes as a
// struct with tags, whether it changes anything, and a function. The package
// knows the catalog and, as an interface of its own, who publishes. It may not
// know how a node is built.
package openapi
