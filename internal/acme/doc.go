// Package acme gets certificates for the domains that have none of their own,
// from a certificate authority that speaks ACME (RFC 8555), and renews them.
//
// It proves that a domain is ours by what the node's own ports answer: a file
// over HTTP (http-01), or a certificate made for the purpose over TLS
// (tls-alpn-01, RFC 8737). The library does the protocol, and tries again after
// failures, later each time.
//
// The package may not know rooms, protocols of media, or flags.
package acme
