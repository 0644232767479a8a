package engine

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding"
	"errors"
	"hash"
	"strings"

	"golang.org/x/net/idna"
)

//go:embed lazy/*.js
var lazy embed.FS

var errArgs = errors.New("a function of the shims was called in a wrong way")

// lazySource gives the text of a shim that is read when first asked for.
func lazySource(args []any) (any, error) {
	name, ok := texts(args, 1)
	if !ok {
		return nil, errArgs
	}
	src, err := lazy.ReadFile("lazy/" + name[0] + ".js")
	return string(src), err
}

// toASCII is a domain as the URL standard writes it, "" for one that is none.
func toASCII(args []any) (any, error) {
	name, ok := texts(args, 1)
	if !ok {
		return nil, errArgs
	}
	s, err := hosts.ToASCII(name[0])
	if err != nil {
		return "", nil // the shim says it in its own words
	}
	return s, nil
}

// hosts is the URL standard's domain to ASCII, not strict.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false),
	idna.CheckJoiners(true), idna.BidiRule(), idna.VerifyDNSLength(false))

var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// hashStep adds bytes to the state of a digest ("" at first) and gives the new state, or at the end the digest.
// The state travels, so that nothing is kept here for code that never finishes. Bytes are text of U+0000 to
// U+00FF.
func hashStep(args []any) (any, error) {
	if len(args) != 4 {
		return nil, errArgs
	}
	in, ok := texts(args[:3], 3)
	last, isBool := args[3].(bool)
	if !ok || !isBool || hashes[in[0]] == nil {
		return nil, errArgs
	}
	h := hashes[in[0]]()
	if in[1] != "" {
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(unlatin(in[1])); err != nil {
			return nil, err
		}
	}
	_, _ = h.Write(unlatin(in[2])) // never fails
	if last {
		return latin(h.Sum(nil)), nil
	}
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	return latin(state), err
}

func texts(args []any, n int) (out []string, ok bool) {
	if len(args) != n {
		return nil, false
	}
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func latin(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

func unlatin(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}
