package errors_test

import (
	"encoding/json"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestJSONFaultsNameTheCharacter(t *testing.T) {
	for src, want := range map[string]string{
		"\u201ca\u201d": "invalid character '\u201c' looking for beginning of value",
		"[1\u00a0]":     `invalid character '\u00a0' after array element`,
		"\ufeff1":       "invalid character U+FEFF (a byte order mark) looking for beginning of value",
		"[\xff]":        "invalid character 0xff, which is not UTF-8, looking for beginning of value",
		"{a:1}":         "invalid character 'a' looking for beginning of object key string",
		"[":             "unexpected end of JSON input",
	} {
		var v any
		if got := codes.JSONText([]byte(src), json.Unmarshal([]byte(src), &v)); got != want {
			t.Errorf("%q: %s, want %s", src, got, want)
		}
	}
}

func TestNotUTF8FindsTheFirstByte(t *testing.T) {
	for src, want := range map[string]int{"": -1, "\u00e9\ufffd": -1, "a\xff": 1, "\u00e9\xc3": 2, strings.Repeat("a", 9) + "\xed\xa0\x80": 9} {
		if got := codes.NotUTF8([]byte(src)); got != want {
			t.Errorf("%q: %d, want %d", src, got, want)
		}
	}
}
