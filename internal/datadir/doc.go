// Package datadir is what an installation keeps in its data directory: its
// domains with their keys, and the certificate it signed itself.
//
//	data/domains.yaml   the domains, made at the first start with random keys (0600)
//	data/tls.pem        private key and certificate, renewed when they run out (0600)
//	data/admin-token    what opens /metrics and /debug on the admin port (0600)
//
// It knows files. It may not know what a node does with what they say.
package datadir
