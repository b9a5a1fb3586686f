// Package datadir is what an installation keeps in its data directory: its
// catalog, and the certificate it signed itself.
//
//	data/store/         the catalog: domains, their keys and rules, made at the first start
//	data/lock           who has the catalog open, and where its admin port is
//	data/tls.pem        private key and certificate, renewed when they run out (0600)
//	data/admin-token    what opens /metrics and /debug on the admin port (0600)
//
// It knows files. It may not know what a node does with what they say.
package datadir
