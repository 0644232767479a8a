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

// frameRule finds the bundle's own frames: what code makes at run time has other names, and lines of its own.
var frameRule = regexp.MustCompile(`bundle\.js:(\d{1,7})(?::(\d{1,7}))?\)?$`)

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

var placeRule = regexp.MustCompile(`bundle\.js:(\d{1,7}):(\d{1,7})`)

// Text replaces places of the bundle in a text, such as a log line that shows a stack, by the author's.
func (m *Mapper) Text(text string) string {
	if m == nil || m.m == nil || !strings.Contains(text, "bundle.js:") {
		return text
	}
	return placeRule.ReplaceAllStringFunc(clip(text, 32<<10), func(at string) string {
		f := placeRule.FindStringSubmatch(at)
		l, _ := strconv.Atoi(f[1])
		c, _ := strconv.Atoi(f[2])
		if p, ok := m.source(l, max(c-1, 0)); ok {
			return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
		}
		return at
	})
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
