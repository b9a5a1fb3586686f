// Package kv keeps the catalog on disk: a NATS server with JetStream within the
// process, which listens on nothing. Every write is synced before it is
// acknowledged. A server whose disk has failed is started anew, until it works.
//
//	catalog.Store ─► NATS KV bucket ─► JetStream stream ─► data/store/
//
// It knows NATS and files. It may not know what the values mean.
package kv
