package catalog

import (
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// functions is every function that a domain can have. Those without apply are
// kept for the clients that set them, without effect.
var functions = map[string]struct {
	// args are the arguments, each with what it takes; nil takes anything.
	args map[string]argument
	// by is the argument that tells several records of one function apart; "":
	// a domain has one at most.
	by string
	// role is the type of the domains that can have it, "" for both.
	role  Role
	apply func(r *Rules, a map[string]string) error
}{
	FuncAuth: {args: map[string]argument{
		"auth_type": oneOf("type_a", "no_auth"), "auth_key1": key, "auth_key2": key, "ali_auth_delta": seconds,
	}, apply: applyAuth},
	FuncRefererWhite: {args: map[string]argument{"refer_domain_allow_list": required, "allow_empty": onOff}, apply: func(r *Rules, a map[string]string) error {
		return applyReferers(r, a, "refer_domain_allow_list", false)
	}},
	FuncRefererBlack: {args: map[string]argument{"refer_domain_deny_list": required, "allow_empty": onOff}, apply: func(r *Rules, a map[string]string) error {
		return applyReferers(r, a, "refer_domain_deny_list", true)
	}},
	FuncIPAllow: {args: map[string]argument{"ip_list": required}, apply: func(r *Rules, a map[string]string) error {
		return applyAddresses(r, a, false)
	}},
	FuncIPBlack: {args: map[string]argument{"ip_list": required}, apply: func(r *Rules, a map[string]string) error {
		return applyAddresses(r, a, true)
	}},
	FuncHeader: {args: map[string]argument{"key": headerKey, "value": headerValue}, by: "key", apply: applyHeader},
	FuncForceHTTPS: {args: map[string]argument{"enable": onOff}, apply: func(r *Rules, a map[string]string) error {
		return applyRedirect(r, a, "https")
	}},
	FuncForceHTTP: {args: map[string]argument{"enable": onOff}, apply: func(r *Rules, a map[string]string) error {
		return applyRedirect(r, a, "http")
	}},
	FuncRTS: {args: map[string]argument{"enable": onOff, "mode": oneOf("", string(SubSecond), string(HalfSecond))}, role: Streaming, apply: applyRTS},
	FuncRTSRelay: {args: map[string]argument{"enable": onOff, "target_push_domain": nil}, role: Streaming, apply: func(r *Rules, a map[string]string) error {
		if a["enable"] == "on" {
			r.RelayTo = strings.ToLower(a["target_push_domain"])
			if !isHostName(r.RelayTo) {
				return &Invalid{"target_push_domain", "is no domain name"}
			}
		}
		return nil
	}},
	FuncProhibit: {args: map[string]argument{"protocols": required}, apply: applyProhibit},

	"ip_white_list_set":      {args: map[string]argument{"ip_list": required}},
	"set_hashkey_args":       {args: map[string]argument{"hashkey_args": nil, "disable": onOff}},
	"filetype_based_ttl_set": {args: map[string]argument{"file_type": nil, "ttl": nil, "weight": nil}, by: "file_type"},
	"path_based_ttl_set":     {args: map[string]argument{"path": nil, "ttl": nil, "weight": nil}, by: "path"},
	"error_page":             {args: map[string]argument{"error_code": nil, "rewrite_page": nil}, by: "error_code"},
	"set_req_host_header":    {args: map[string]argument{"domain_name": nil}},
	"oss_auth":               {args: map[string]argument{"oss_bucket_id": nil}},
	"l2_oss_key":             {args: map[string]argument{"l2_private_key": nil}},
	"green_manager":          {args: map[string]argument{"enable": onOff}},
	"tmd_signature":          {args: map[string]argument{"name": nil, "path": nil, "pathType": nil, "interval": nil, "count": nil, "action": nil}, by: "name"},
	"https_option":           {args: map[string]argument{"http2": onOff, "ocsp_stapling": onOff}},
}

// compile makes the Rules of a domain of its functions. The error is an
// *Invalid, which names the function and the argument.
func compile(role Role, all []Function) (Rules, error) {
	r := Rules{}
	if role == Streaming {
		r.Mode = Off
	}
	for i, f := range all {
		kind, known := functions[f.Name]
		switch {
		case !known:
			return r, &Invalid{f.Name, "is no function here"}
		case kind.role != "" && kind.role != role:
			return r, &Invalid{f.Name, "is for " + string(kind.role) + " domains only"}
		case slices.ContainsFunc(all[:i], f.same):
			return r, &Invalid{f.Name, "is there twice"}
		}
		if err := checkArgs(kind.args, f.Args); err != nil {
			return r, err.under(f.Name)
		}
		if kind.apply == nil {
			continue
		}
		if err := kind.apply(&r, f.Args); err != nil {
			return r, err.(*Invalid).under(f.Name) //nolint:errorlint,forcetypeassert // the table's own
		}
	}
	return r, nil
}

// argument says what is wrong with an argument's value, or "".
type argument func(value string) string

func checkArgs(want map[string]argument, args map[string]string) *Invalid {
	for name, value := range args {
		if _, known := want[name]; !known {
			return &Invalid{name, "is no argument of this function"}
		}
		const most = 16 << 10
		if len(value) > most {
			return &Invalid{name, fmt.Sprintf("is longer than %d bytes", most)}
		}
	}
	for name, check := range want {
		if check == nil {
			continue
		}
		if why := check(args[name]); why != "" {
			return &Invalid{name, why}
		}
	}
	return nil
}

func oneOf(words ...string) argument {
	return func(v string) string {
		if slices.Contains(words, v) {
			return ""
		}
		return quote(v) + " is not one of " + strings.Join(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }), ", ")
	}
}

// onOff takes "" for off.
func onOff(v string) string { return oneOf("", "on", "off")(v) }

func required(v string) string {
	if strings.TrimSpace(v) == "" {
		return "is missing"
	}
	return ""
}

// key takes what a signature's key may be: neither blanks nor what would need
// escaping in a configuration.
func key(v string) string {
	if len(v) > 128 || strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "wants 128 printable characters without blanks at most"
	}
	return ""
}

// maxValidity is a hundred years.
const maxValidity = 100 * 365 * 24 * time.Hour

func seconds(v string) string {
	if v == "" {
		return ""
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 60 || n > int64(maxValidity/time.Second) {
		return fmt.Sprintf("%s is no number of seconds from 60 to %d", quote(v), int64(maxValidity/time.Second))
	}
	return ""
}

func headerKey(v string) string {
	if v == "" || len(v) > 128 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return quote(v) + " is no header name"
	}
	switch textproto.CanonicalMIMEHeaderKey(v) {
	case "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Trailer", "Location", "Date":
		return quote(v) + " is the server's own"
	}
	return ""
}

func headerValue(v string) string {
	if v == "" || len(v) > 4096 || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "wants 1 to 4096 printable ASCII characters"
	}
	return ""
}
