package openapi

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// common are the parameters of every action. Those of them that this server does
// not read say what is no choice here: the region, and the account of the key.
var common = []string{
	"Action", "Version", "Format", "RegionId", "ServiceCode",
	"AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureType", "SignatureNonce", "Timestamp",
	"OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount",
}

// known refuses parameters that an action does not take: it would do something
// else than was asked for.
func known(action string, fields []field, parameters map[string]string) error {
	var wrong []string
	for name, value := range parameters {
		if value != "" && !slices.Contains(common, name) && !slices.ContainsFunc(fields, func(f field) bool { return f.takes(name) }) {
			wrong = append(wrong, name)
		}
	}
	if wrong == nil {
		return nil
	}
	slices.Sort(wrong) // the same one each time
	return unsupported(wrong[0], action+" does not take it here")
}

// unsupported refuses a parameter that the API has and this server does not.
func unsupported(name, why string) *Error {
	return &Error{http.StatusBadRequest, "InvalidParameter", "Specified parameter " + quote(name) + " is not supported: " + why + "."}
}

// takes says whether a parameter is, or belongs to, this field.
func (f *field) takes(name string) bool {
	if !f.pairs {
		return name == f.name
	}
	_, _, ok := f.pair(name)
	return ok
}

// maxPairs is how many pairs a field may have.
const maxPairs = 20

// pair takes a name like Tag.1.Key apart.
func (f *field) pair(name string) (n int, part string, ok bool) {
	rest, found := strings.CutPrefix(name, f.name+".")
	number, part, split := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, part, found && split && err == nil && (part == "Key" || part == "Value")
}

// setPairs fills in a field of pairs.
func (f *field) setPairs(into reflect.Value, parameters map[string]string) error {
	keys, values := map[int]string{}, map[int]string{}
	for name, value := range parameters {
		n, part, ok := f.pair(name)
		switch {
		case !ok:
			continue
		case n < 1 || n > maxPairs:
			return invalid(f.name, "it is numbered from 1 to "+strconv.Itoa(maxPairs))
		case len(value) > 128:
			return invalid(f.name, "keys and values have 128 bytes at most")
		case part == "Key":
			keys[n] = value
		default:
			values[n] = value
		}
	}
	all := map[string]string{}
	for n, key := range keys {
		if _, twice := all[key]; twice || key == "" {
			return invalid(f.name, "each one wants a key of its own")
		}
		all[key] = values[n]
	}
	for n := range values {
		if keys[n] == "" {
			return invalid(f.name, "each value wants a key")
		}
	}
	if len(all) > 0 {
		into.Set(reflect.ValueOf(all))
	}
	return nil
}
