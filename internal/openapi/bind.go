package openapi

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one parameter of an action, made of the tag of a struct's field:
//
//	Name string `api:"DomainName,required,domain"`
//
// required: it must be there. domain: it names a domain, or several separated
// by commas, which keys of one domain must have. max=N: of an int. one=a|b: its
// values, case aside. def=V: its value where there is none. The field is a
// string, an int, a time.Time, a []string separated by commas, or a
// map[string]string of what comes as Name.1.Key and Name.1.Value, Name.2.Key and
// so on.
type field struct {
	index            int
	name, def        string
	required, domain bool
	max              int
	one              []string
	pairs            bool
}

const (
	// maxValue is the most bytes of a parameter, those of certificates apart.
	maxValue = 256 << 10
	// maxItems is how many values a list may have.
	maxItems = 100
)

// fieldsOf reads the tags of a struct. A wrong one is a programmer's error.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		words := strings.Split(t.Field(i).Tag.Get("api"), ",")
		f := field{index: i, name: words[0], max: 1 << 31, pairs: t.Field(i).Type.Kind() == reflect.Map}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "required":
				f.required = true
			case "domain":
				f.domain = true
			case "max":
				f.max, _ = strconv.Atoi(value)
			case "one":
				f.one = strings.Split(value, "|")
			case "def":
				f.def = value
			default:
				panic("openapi: tag of " + t.Name() + "." + t.Field(i).Name + ": " + w)
			}
		}
		all = append(all, f)
	}
	return all
}

// bind fills in a struct and returns the domains that it names.
func bind(into reflect.Value, fields []field, parameters map[string]string) (domains []string, err error) {
	for _, f := range fields {
		if f.pairs {
			if err := f.setPairs(into.Field(f.index), parameters); err != nil {
				return nil, err
			}
			continue
		}
		value := parameters[f.name]
		if strings.TrimSpace(value) == "" {
			if f.required {
				return nil, missing(f.name)
			}
			if value = f.def; value == "" {
				continue
			}
		}
		if len(value) > maxValue {
			return nil, invalid(f.name, "it is too long")
		}
		if err := f.set(into.Field(f.index), value); err != nil {
			return nil, err
		}
		if f.domain {
			domains = append(domains, list(value)...)
		}
	}
	return domains, nil
}

func (f *field) set(into reflect.Value, value string) error {
	switch into.Interface().(type) {
	case string:
		if f.one != nil {
			at := slices.IndexFunc(f.one, func(w string) bool { return strings.EqualFold(w, value) })
			if at < 0 {
				return invalid(f.name, "it is not one of "+strings.Join(f.one, ", "))
			}
			value = f.one[at]
		}
		into.SetString(value)
	case int:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > f.max {
			return invalid(f.name, fmt.Sprintf("it is no number from 1 to %d", f.max))
		}
		into.SetInt(int64(n))
	case time.Time:
		at, err := parseTime(value)
		if err != nil {
			return invalid(f.name, "it is not like "+timeLayout)
		}
		into.Set(reflect.ValueOf(at))
	case []string:
		items := list(value)
		if len(items) > maxItems {
			return invalid(f.name, fmt.Sprintf("it has more than %d values", maxItems))
		}
		into.Set(reflect.ValueOf(items))
	default:
		panic("openapi: parameter " + f.name + " is of type " + into.Type().String())
	}
	return nil
}

func parseTime(s string) (time.Time, error) {
	at, err := time.Parse(timeLayout, s)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04Z", s)
	}
	return at, err
}

// list splits at commas.
func list(s string) []string {
	var all []string
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, word)
		}
	}
	return all
}
