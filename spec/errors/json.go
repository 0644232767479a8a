package errors

import (
	"encoding/json"
	stderrors "errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSONText is what a decoder found wrong in a JSON text. Go's own words name the first byte of a character as if
// it were one: a curly quote was told as 'â'.
func JSONText(src []byte, err error) string {
	var syntax *json.SyntaxError
	if !stderrors.As(err, &syntax) || syntax.Offset < 1 || syntax.Offset > int64(len(src)) {
		return err.Error()
	}
	at := src[syntax.Offset-1:]
	_, rest, ok := strings.Cut(err.Error(), "' ")
	if at[0] < utf8.RuneSelf || !ok {
		return err.Error()
	}
	return "invalid character " + character(at) + " " + rest
}

func character(b []byte) string {
	switch r, n := utf8.DecodeRune(b); {
	case r == utf8.RuneError && n == 1:
		return fmt.Sprintf("0x%02x, which is not UTF-8,", b[0])
	case r == '\ufeff':
		return "U+FEFF (a byte order mark)"
	default:
		return strconv.QuoteRune(r)
	}
}

// NotUTF8 is the offset of the first byte that is not UTF-8, -1 where there is none. Go's decoder puts U+FFFD in its
// place in silence.
func NotUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}
