// Package sign makes and checks signed URLs, type A: the argument
//
//	auth_key={timestamp}-{rand}-{uid}-{md5hash}
//
// where md5hash is the MD5 of "{path}-{timestamp}-{rand}-{uid}-{key}" in lower
// case hex and path is the path of the URL with its leading slash and its
// extension, without scheme, host and query. A token is therefore good for one
// path only: "/live/demo" and "/live/demo.flv" need two.
//
// It is pure functions. It may not know domains, protocols, or whose keys it
// is handed.
package sign
