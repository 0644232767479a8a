package pack

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sourcemap/sourcemap"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Mapper turns an engine's stack text into places in the author's files. It is safe for concurrent use.
type Mapper struct{ m *sourcemap.Consumer }

// NewMapper parses a source map; one that cannot be parsed maps nothing.
func NewMapper(src []byte) *Mapper {
	defer func() { _ = recover() }() // the map may come from an archive: a parser's panic is no map
	m, err := sourcemap.Parse("bundle.js.map", src)
	if err != nil {
		return &Mapper{}
	}
	return &Mapper{m}
}

var frameRule = regexp.MustCompile(`:(\d{1,7})(?::(\d{1,7}))?\)?$`)

const maxFrames = 32

// Map gives the author's frames of a stack, innermost first. Frames of the engine itself, and those that
// the map does not know, are left out.
func (m *Mapper) Map(stack string) (out []codes.Position) {
	if m == nil || m.m == nil {
		return nil
	}
	for _, line := range strings.Split(clip(stack, 32<<10), "\n") {
		if len(out) == maxFrames {
			break
		}
		f := frameRule.FindStringSubmatch(strings.TrimSpace(line))
		if f == nil {
			continue
		}
		l, _ := strconv.Atoi(f[1])
		c, _ := strconv.Atoi(f[2])
		if p, ok := m.source(l, max(c-1, 0)); ok {
			out = append(out, p)
		}
	}
	return out
}

func (m *Mapper) source(line, col int) (p codes.Position, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	file, _, l, c, ok := m.m.Source(line, col)
	if !ok || file == "" || strings.HasPrefix(file, "node:") {
		return p, false
	}
	return codes.Position{File: file, Line: l, Col: c + 1}, true
}
