package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Function is one record of a domain's generic configuration: a name and
// arguments, as in BatchSetLiveDomainConfigs.
type Function struct {
	// ID is the record's ConfigId, unique within its domain.
	ID   uint64            `json:"id,omitempty"`
	Name string            `json:"name"`
	Args map[string]string `json:"args,omitempty"`
}

// The functions with an effect of their own.
const (
	FuncAuth         = "aliauth"
	FuncRefererWhite = "referer_white_list_set"
	FuncRefererBlack = "referer_black_list_set"
	FuncIPAllow      = "ip_allow_list_set"
	FuncIPBlack      = "ip_black_list_set"
	FuncHeader       = "set_resp_header"
	FuncForceHTTPS   = "https_force"
	FuncForceHTTP    = "http_force"
	FuncRTS          = "rts"
	FuncRTSRelay     = "rts_relay"
	FuncProhibit     = "protocol_prohibit"
)

// Signed is the function that wants URLs signed with either of two keys; the
// secondary one may be "".
func Signed(primary, secondary string, validity time.Duration) Function {
	args := map[string]string{
		"auth_type": "type_a", "auth_key1": primary,
		"ali_auth_delta": strconv.FormatInt(int64(validity/time.Second), 10),
	}
	if secondary != "" {
		args["auth_key2"] = secondary
	}
	return Function{Name: FuncAuth, Args: args}
}

// RTS is the function that sets the latency mode of a streaming domain.
func RTS(m Mode) Function {
	if m == Off {
		return Function{Name: FuncRTS, Args: map[string]string{"enable": "off"}}
	}
	return Function{Name: FuncRTS, Args: map[string]string{"enable": "on", "mode": string(m)}}
}

// Header is the function that sets a header on answers over HTTP.
func Header(key, value string) Function {
	return Function{Name: FuncHeader, Args: map[string]string{"key": key, "value": value}}
}

// same says whether g would replace f: functions of which a domain has several
// are told apart by one argument.
func (f Function) same(g Function) bool {
	by := functions[f.Name].by
	return f.Name == g.Name && (by == "" || strings.EqualFold(f.Args[by], g.Args[by]))
}

// With returns all with f in it, in the place of the record with f's ID or, where
// f has none, of the one that it replaces by its nature. Null arguments (the
// word "null") delete. The error is an *Invalid.
func With(all []Function, f Function) ([]Function, error) {
	at := slices.IndexFunc(all, func(g Function) bool {
		if f.ID != 0 {
			return g.ID == f.ID
		}
		return g.same(f)
	})
	switch {
	case f.ID != 0 && (at < 0 || all[at].Name != f.Name):
		return nil, &Invalid{f.Name, fmt.Sprintf("has no record with configId %d", f.ID)}
	case f.Name == FuncHeader && f.Args["value"] == "null":
		return slices.DeleteFunc(slices.Clone(all), f.same), nil
	}
	f.Args = maps.Clone(f.Args)
	all = slices.Clone(all)
	if at >= 0 {
		f.ID = all[at].ID
		all[at] = f
		return all, nil
	}
	for _, g := range all {
		f.ID = max(f.ID, g.ID)
	}
	f.ID++
	return append(all, f), nil
}

// Without returns all but the functions of a name.
func Without(all []Function, name string) []Function {
	return slices.DeleteFunc(slices.Clone(all), func(f Function) bool { return f.Name == name })
}
