package api

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const maxPath = 512 // bytes of a path or pattern

// checkPath refuses what cannot be a path of the tree or a pattern: empty, over 512 bytes, not UTF-8, with
// control characters or white space, with an empty segment, or with "." or ".." as one.
func checkPath(p string) error {
	if why := pathFault(p); why != "" {
		return codes.New(codes.BadRequest, "%q is not a path: %s", clip(p, 80), why)
	}
	return nil
}

func pathFault(p string) string {
	switch {
	case p == "":
		return "it is empty"
	case len(p) > maxPath:
		return "it is longer than 512 bytes"
	case !utf8.ValidString(p):
		return "it is not valid UTF-8"
	case strings.ContainsFunc(p, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }):
		return "it holds white space or a character that cannot be printed"
	}
	for seg := range strings.SplitSeq(p, "/") {
		switch seg {
		case "":
			return "a segment is empty"
		case ".", "..":
			return "a segment is " + seg
		}
	}
	return ""
}

// isGlob reports whether p is a pattern: it holds one of * ? [.
func isGlob(p string) bool { return strings.ContainsAny(p, "*?[") }

// match reports whether the pattern fits the whole path. * and ? stay inside a segment, ** stands for any
// number of segments, [a-z] is a class. A malformed class matches nothing. Cost: segments of the one times
// segments of the other.
func match(pattern, p string) bool {
	ps, segs := strings.Split(pattern, "/"), strings.Split(p, "/")
	fits := make([]bool, len(segs)+1) // fits[i]: the pattern so far matches segs[:i]
	fits[0] = true
	for _, pat := range ps {
		next := make([]bool, len(segs)+1)
		next[0] = fits[0] && pat == "**"
		for i, s := range segs {
			if pat == "**" {
				next[i+1] = next[i] || fits[i+1]
				continue
			}
			ok, err := path.Match(pat, s)
			next[i+1] = fits[i] && ok && err == nil
		}
		fits = next
	}
	return fits[len(segs)]
}
