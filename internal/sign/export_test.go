package sign

// SignedWith makes a token over any text in place of a timestamp.
func SignedWith(stamp, path, key string) string {
	return stamp + "-0-0-" + hash(path, stamp, "0", "0", key)
}
