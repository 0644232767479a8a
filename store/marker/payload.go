package marker

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Payload is what a marker says beside its fixed part: the writes to the state, where it happened, and what the kind
// adds. It is CBOR, core deterministic (RFC 8949, 4.2.1), with the keys 1 to 5; what is empty is left out.
type Payload struct {
	Set    []Pair            `cbor:"1,keyasint,omitempty"`
	Delete []cbor.ByteString `cbor:"2,keyasint,omitempty"`
	Region string            `cbor:"3,keyasint,omitempty"` // path; its tag is in the marker
	Actor  string            `cbor:"4,keyasint,omitempty"` // path; its tag is in the marker
	Body   cbor.RawMessage   `cbor:"5,keyasint,omitempty"` // by kind
}

// Pair is a key and its new value.
type Pair struct {
	_     struct{} `cbor:",toarray"`
	Key   cbor.ByteString
	Value []byte
}

// The limits of what a reader takes.
const (
	maxItems = 4096 // of one array or map
	maxNest  = 12
)

var encMode, decMode = func() (cbor.EncMode, cbor.DecMode) {
	enc := cbor.CoreDetEncOptions()
	enc.NilContainers = cbor.NilContainerAsEmpty
	e, err := enc.EncMode()
	if err != nil {
		panic(err)
	}
	d, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: maxItems, MaxMapPairs: maxItems, MaxNestedLevels: maxNest,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return e, d
}() // written at init

// Encode gives v as core deterministic CBOR. v is made of the types that this module stores.
func Encode(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err == nil && len(b) > MaxPayload {
		return nil, fault("a payload has at most %d bytes, this one %d", MaxPayload, len(b))
	}
	return b, err
}

// Decode reads CBOR into v within limits. Bytes that are not the deterministic form of what they say are refused:
// a payload has one encoding. The error is a *Fault.
func Decode(b []byte, v any) error {
	if len(b) > MaxPayload {
		return fault("a payload has at most %d bytes, this one %d", MaxPayload, len(b))
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return &Fault{What: fmt.Sprintf("not the CBOR that is expected here: %v", err)}
	}
	again, err := encMode.Marshal(v)
	if err != nil || string(again) != string(b) {
		return fault("CBOR that is not in its deterministic form")
	}
	return nil
}
