package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// PositionOf turns a byte offset of a text into line and column.
func PositionOf(file string, src []byte, offset int) codes.Position {
	offset = max(0, min(offset, len(src)))
	line := 1 + bytes.Count(src[:offset], []byte("\n"))
	start := bytes.LastIndexByte(src[:offset], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	return codes.Position{File: file, Line: line, Col: offset - start + 1, Text: string(src[start:min(end, start+200)])}
}

// Locate finds where the key or element of a JSON text stands; elements are named by their number. Where
// the last step is not there it is the place of the step before.
func Locate(src []byte, path ...string) int {
	at := 0
	walk(src, func(here []string, offset int) {
		if len(here) <= len(path) && equal(here, path[:len(here)]) && len(here) > 0 {
			at = offset
		}
	})
	return at
}

// keysAt lists the keys of the object at that path.
func keysAt(src []byte, path []string) (keys []string) {
	walk(src, func(here []string, _ int) {
		if len(here) == len(path)+1 && equal(here[:len(path)], path) {
			keys = append(keys, here[len(path)])
		}
	})
	return keys
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// walk visits every key and element with its path and offset. It stops at the first error.
func walk(src []byte, visit func(path []string, offset int)) {
	d := json.NewDecoder(bytes.NewReader(src))
	descend(d, src, nil, visit)
}

func descend(d *json.Decoder, src []byte, path []string, visit func([]string, int)) bool {
	if len(path) > 64 {
		return false
	}
	t, err := d.Token()
	if err != nil {
		return false
	}
	open, ok := t.(json.Delim)
	if !ok {
		return true
	}
	for i := 0; d.More(); i++ {
		at := start(src, int(d.InputOffset()))
		name := strconv.Itoa(i)
		if open == '{' {
			k, err := d.Token()
			if err != nil {
				return false
			}
			name, _ = k.(string)
		}
		here := append(path[:len(path):len(path)], name)
		visit(here, at)
		if !descend(d, src, here, visit) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}

// start skips to the next value's first byte.
func start(src []byte, at int) int {
	for at < len(src) && bytes.IndexByte([]byte(" \t\r\n,:"), src[at]) >= 0 {
		at++
	}
	return at
}

func jsonOffset(src []byte, err error) int {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return int(syntax.Offset) - 1
	case errors.As(err, &typ) && typ.Field != "":
		return Locate(src, strings.Split(typ.Field, ".")...)
	}
	return 0
}

func jsonText(src []byte, err error) string {
	var typ *json.UnmarshalTypeError
	if !errors.As(err, &typ) {
		return codes.JSONText(src, err)
	}
	text := typ.Value + " is not what is expected here"
	if typ.Field != "" {
		text = typ.Field + ": " + text
	}
	return text
}
