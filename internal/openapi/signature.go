package openapi

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the format prescribes it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// signed is what both kinds of signatures say.
type signed struct {
	keyID, nonce, timestamp, version string
	// toSign is the text that was signed, and canonical what it was made of, where
	// it does not hold that: with them a client finds out where its own differ.
	toSign, canonical string
	// matches says whether a secret made the signature.
	matches func(secret string) bool
}

const algorithmV3 = "ACS3-HMAC-SHA256"

func (c *call) isV3() bool { return strings.HasPrefix(c.header.Get("Authorization"), algorithmV3+" ") }

// signature reads the signature of a request, in whichever form it came.
func (c *call) signature() (*signed, error) {
	if c.isV3() {
		return c.signatureV3()
	}
	return c.signatureV1()
}

// signatureV1 reads HMAC-SHA1 over all parameters but the signature itself.
func (c *call) signatureV1() (*signed, error) {
	for _, name := range []string{"AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if c.all[name] == "" {
			return nil, missing(name)
		}
	}
	if m := c.all["SignatureMethod"]; m != "HMAC-SHA1" {
		return nil, &Error{http.StatusBadRequest, "InvalidSignatureMethod", "SignatureMethod " + quote(m) + " is not HMAC-SHA1."}
	}
	if v := c.all["SignatureVersion"]; v != "1.0" {
		return nil, &Error{http.StatusBadRequest, "InvalidSignatureVersion", "SignatureVersion " + quote(v) + " is not 1.0."}
	}
	given, err := base64.StdEncoding.DecodeString(c.all["Signature"])
	if err != nil || len(given) != sha1.Size {
		return nil, &Error{http.StatusBadRequest, "IncompleteSignature", "Signature is not 20 bytes in Base64."}
	}
	pairs := make([]pair, 0, len(c.all))
	for name, value := range c.all {
		if name != "Signature" {
			pairs = append(pairs, pair{name, value})
		}
	}
	text := c.method + "&%2F&" + escape(canonical(pairs))
	return &signed{
		keyID: c.all["AccessKeyId"], nonce: c.all["SignatureNonce"], timestamp: c.all["Timestamp"], version: c.all["Version"],
		toSign: text,
		matches: func(secret string) bool {
			mac := hmac.New(sha1.New, []byte(secret+"&"))
			mac.Write([]byte(text))
			return hmac.Equal(mac.Sum(nil), given)
		},
	}, nil
}

// mustSign are the headers that a signature of the third version has to cover:
// what is not covered anybody on the way can change.
var mustSign = []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}

// signatureV3 reads HMAC-SHA256 over the method, the path, the query, headers
// and the body.
func (c *call) signatureV3() (*signed, error) {
	incomplete := func(why string) (*signed, error) {
		return nil, &Error{http.StatusBadRequest, "IncompleteSignature", "The Authorization header " + why + "."}
	}
	var credential, names, signature string
	for word := range strings.SplitSeq(strings.TrimPrefix(c.header.Get("Authorization"), algorithmV3+" "), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(word), "="); name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			names = strings.ToLower(value)
		case "Signature":
			signature = value
		}
	}
	given, err := hex.DecodeString(signature)
	if err != nil || len(given) != sha256.Size {
		return incomplete("holds no Signature of 64 hexadecimal digits")
	}
	if credential == "" {
		return incomplete("holds no Credential")
	}
	headers := strings.Split(names, ";")
	for _, name := range mustSign {
		if !slices.Contains(headers, name) {
			return incomplete("does not sign " + name)
		}
	}
	var b strings.Builder
	b.Grow(1024)
	line := func(words ...string) {
		for _, w := range words {
			b.WriteString(w)
		}
		b.WriteByte('\n')
	}
	line(c.method)
	line(c.path)
	line(canonical(slices.Clone(c.query)))
	for _, name := range headers {
		value := c.host
		if name != "host" {
			value = strings.Join(c.header.Values(name), ",")
		}
		line(name, ":", strings.TrimSpace(value))
	}
	sum := sha256.Sum256(c.body)
	content := hex.EncodeToString(sum[:])
	if !strings.EqualFold(c.header.Get("X-Acs-Content-Sha256"), content) {
		return nil, &Error{http.StatusBadRequest, "InvalidContentSha256", "x-acs-content-sha256 is not the hash of the body, " + content + "."}
	}
	line()
	line(names)
	b.WriteString(content)
	hash := sha256.Sum256([]byte(b.String()))
	text := algorithmV3 + "\n" + hex.EncodeToString(hash[:])
	return &signed{
		keyID: credential, nonce: c.header.Get("X-Acs-Signature-Nonce"), timestamp: c.header.Get("X-Acs-Date"),
		version: c.header.Get("X-Acs-Version"), toSign: text, canonical: b.String(),
		matches: func(secret string) bool {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(text))
			return hmac.Equal(mac.Sum(nil), given)
		},
	}, nil
}

// canonical joins parameters in the order of their names, escaped. It sorts them.
func canonical(pairs []pair) string {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	size := 0
	for _, p := range pairs {
		size += len(p.name) + len(p.value) + len("=&") + 16 // some characters take three
	}
	b := make([]byte, 0, size)
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(appendEscaped(b, p.name), '=')
		b = appendEscaped(b, p.value)
	}
	return string(b)
}

// plain says which bytes escape leaves as they are: the unreserved characters of
// RFC 3986 section 2.3.
var plain = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") {
		t[c] = true
	}
	return t
}()

// escape is percent-encoding as in RFC 3986.
func escape(s string) string { return string(appendEscaped(make([]byte, 0, len(s)*5/4), s)) }

func appendEscaped(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	from := 0
	for i := range len(s) {
		if c := s[i]; !plain[c] {
			b = append(append(b, s[from:i]...), '%', digits[c>>4], digits[c&15])
			from = i + 1
		}
	}
	return append(b, s[from:]...)
}
