package openapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
)

// answer is what every answer holds; embed it first.
type answer struct{ RequestId string } //nolint:revive,staticcheck // the name on the wire

func (a *answer) stamp(id string) { a.RequestId = id }

// reply is the answer of an action.
type reply interface{ stamp(id string) }

// failure is the document of a request that failed.
type failure struct {
	answer
	HostId, Code, Message string //nolint:revive,staticcheck // the name on the wire
}

// many is a list that is never null.
type many[T any] []T

// MarshalJSON implements json.Marshaler.
func (l many[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// write sends a document. root is its name in XML.
func write(w http.ResponseWriter, asJSON bool, status int, root string, v any) {
	var b bytes.Buffer
	kind := "text/xml;charset=utf-8"
	var err error
	if asJSON {
		kind = "application/json;charset=utf-8"
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // strings to sign are to be read
		err = e.Encode(v)
	} else {
		b.WriteString(xml.Header)
		err = xml.NewEncoder(&b).EncodeElement(v, xml.StartElement{Name: xml.Name{Local: root}})
	}
	if err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
