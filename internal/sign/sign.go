package sign

import (
	"crypto/md5" //nolint:gosec // the format prescribes MD5
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Param is the name of the URL argument that carries a token.
const Param = "auth_key"

// Sign returns the token for path: the value of auth_key. The timestamp is ts
// in whole seconds; the token is good until ts plus the validity of the domain
// that checks it. An empty rand or uid becomes "0"; neither may contain "-".
func Sign(path, key string, ts time.Time, rand, uid string) string {
	if rand == "" {
		rand = "0"
	}
	if uid == "" {
		uid = "0"
	}
	stamp := strconv.FormatInt(ts.Unix(), 10)
	return stamp + "-" + rand + "-" + uid + "-" + hash(path, stamp, rand, uid, key)
}

// Append adds a token to a URL or to anything that may have a query, such as a
// stream name: with "?" or, where there is a query already, with "&".
func Append(url, token string) string {
	switch {
	case !strings.Contains(url, "?"):
		url += "?"
	case !strings.HasSuffix(url, "?") && !strings.HasSuffix(url, "&"):
		url += "&"
	}
	return url + Param + "=" + token
}

func hash(path, stamp, rand, uid, key string) string {
	sum := md5.Sum([]byte(path + "-" + stamp + "-" + rand + "-" + uid + "-" + key)) //nolint:gosec // the format prescribes MD5
	return hex.EncodeToString(sum[:])
}
