package openapi

import (
	"cmp"
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
	// toSign is the text that was signed, and shown is what helps a client to
	// find out where its own differs.
	toSign, shown string
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
	var pairs []pair
	for name, value := range c.all {
		if name != "Signature" {
			pairs = append(pairs, pair{name, value})
		}
	}
	text := c.method + "&%2F&" + escape(canonical(pairs))
	return &signed{
		keyID: c.all["AccessKeyId"], nonce: c.all["SignatureNonce"], timestamp: c.all["Timestamp"], version: c.all["Version"],
		toSign: text, shown: text,
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
	parts := map[string]string{}
	for word := range strings.SplitSeq(strings.TrimPrefix(c.header.Get("Authorization"), algorithmV3+" "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		parts[name] = value
	}
	given, err := hex.DecodeString(parts["Signature"])
	if err != nil || len(given) != sha256.Size {
		return incomplete("holds no Signature of 64 hexadecimal digits")
	}
	if parts["Credential"] == "" {
		return incomplete("holds no Credential")
	}
	headers := strings.Split(strings.ToLower(parts["SignedHeaders"]), ";")
	for _, name := range mustSign {
		if !slices.Contains(headers, name) {
			return incomplete("does not sign " + name)
		}
	}
	var b strings.Builder
	b.WriteString(c.method + "\n" + c.path + "\n" + canonical(slices.Clone(c.query)) + "\n")
	for _, name := range headers {
		value := strings.Join(c.header.Values(name), ",")
		if name == "host" {
			value = c.host
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	sum := sha256.Sum256(c.body)
	content := hex.EncodeToString(sum[:])
	if !strings.EqualFold(c.header.Get("X-Acs-Content-Sha256"), content) {
		return nil, &Error{http.StatusBadRequest, "InvalidContentSha256", "x-acs-content-sha256 is not the hash of the body, " + content + "."}
	}
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + content)
	hash := sha256.Sum256([]byte(b.String()))
	text := algorithmV3 + "\n" + hex.EncodeToString(hash[:])
	return &signed{
		keyID: parts["Credential"], nonce: c.header.Get("X-Acs-Signature-Nonce"), timestamp: c.header.Get("X-Acs-Date"),
		version: c.header.Get("X-Acs-Version"), toSign: text, shown: text + " server canonical request is:" + b.String(),
		matches: func(secret string) bool {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(text))
			return hmac.Equal(mac.Sum(nil), given)
		},
	}, nil
}

// canonical joins parameters in the order of their names, escaped.
func canonical(pairs []pair) string {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value)) })
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.name) + "=" + escape(p.value))
	}
	return b.String()
}

// escape is percent-encoding as in RFC 3986: nothing but its unreserved
// characters stays.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
