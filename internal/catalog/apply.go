package catalog

import (
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultValidity is how long a token is good where a domain does not say.
const DefaultValidity = 24 * time.Hour

func applyAuth(r *Rules, a map[string]string) error {
	if a["auth_type"] != "type_a" {
		return nil
	}
	if a["auth_key1"] == "" {
		return &Invalid{"auth_key1", "is missing"}
	}
	r.Auth = Auth{Enabled: true, PrimaryKey: a["auth_key1"], SecondaryKey: a["auth_key2"], Validity: DefaultValidity}
	if n, err := strconv.ParseInt(a["ali_auth_delta"], 10, 64); err == nil {
		r.Auth.Validity = time.Duration(n) * time.Second
	}
	return nil
}

func applyReferers(r *Rules, a map[string]string, list string, deny bool) error {
	if r.Referers.on {
		return &Invalid{"", "a black list and a white list of referers exclude each other"}
	}
	sites, err := parseSites(a[list])
	if err != nil {
		return &Invalid{list, err.Error()}
	}
	r.Referers = Referers{sites: sites, deny: deny, allowEmpty: a["allow_empty"] != "off", on: true}
	return nil
}

func applyAddresses(r *Rules, a map[string]string, deny bool) error {
	if r.Addresses.on {
		return &Invalid{"", "a black list and a white list of addresses exclude each other"}
	}
	set, err := parsePrefixes(a["ip_list"])
	if err != nil {
		return &Invalid{"ip_list", err.Error()}
	}
	r.Addresses = Addresses{set: set, deny: deny, on: true}
	return nil
}

func applyHeader(r *Rules, a map[string]string) error {
	if r.Header == nil {
		r.Header = textproto.MIMEHeader{}
	}
	r.Header.Set(a["key"], a["value"])
	return nil
}

func applyRedirect(r *Rules, a map[string]string, to string) error {
	switch {
	case a["enable"] != "on":
		return nil
	case r.Redirect != "":
		return &Invalid{"", "HTTP to HTTPS and HTTPS to HTTP exclude each other"}
	}
	r.Redirect = to
	return nil
}

func applyRTS(r *Rules, a map[string]string) error {
	switch {
	case a["enable"] != "on":
	case a["mode"] == string(HalfSecond):
		r.Mode = HalfSecond
	default:
		r.Mode = SubSecond
	}
	return nil
}

// prohibitable are the words for protocols in FuncProhibit.
var prohibitable = map[string][]Protocol{
	"rtmp": {RTMP, RTMPS}, "srt": {SRT}, "flv": {FLV, WSFLV}, "hls": {HLS, LLHLS}, "rts": {ARTC, WHIP, WHEP},
	"artc": {ARTC}, "whip": {WHIP}, "whep": {WHEP},
}

func applyProhibit(r *Rules, a map[string]string) error {
	for word := range strings.SplitSeq(a["protocols"], ",") {
		protocols, known := prohibitable[strings.ToLower(strings.TrimSpace(word))]
		if !known {
			return &Invalid{"protocols", quote(word) + " is no protocol: rtmp, srt, flv, hls, rts, artc, whip or whep"}
		}
		r.Prohibited = append(r.Prohibited, protocols...)
	}
	slices.Sort(r.Prohibited)
	r.Prohibited = slices.Compact(r.Prohibited)
	return nil
}
