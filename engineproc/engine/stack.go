package engine

import (
	"regexp"
	"strconv"
	"strings"
)

// QuickJS calls every script <eval>. The bundle stands below as many empty lines as the shims have lines, so
// that a frame tells whose it is.
var scriptFrame = regexp.MustCompile(`<eval>:(\d{1,7})`)

// lazyFrame is one of a lazy shim: 00-core.js puts them below 50,000 empty lines.
var lazyFrame = regexp.MustCompile(`^    at .*<input>:5\d{4}(:|\)|$)`)

// bundleFile is what the bundle is called in stacks.
const bundleFile = "bundle.js:"

// below moves a bundle under the lines of the shims.
func (v *vm) below(bundle string) string { return strings.Repeat("\n", v.lines) + bundle }

// authors leaves the frames of the shims out of a stack, or of a text that shows one, and numbers the bundle's
// lines from 1.
func (v *vm) authors(text string) string {
	if !strings.Contains(text, "<eval>:") && !strings.Contains(text, "<input>:") {
		return text
	}
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		if line, ok := v.author(line); ok {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func (v *vm) author(line string) (string, bool) {
	m := scriptFrame.FindStringSubmatchIndex(line)
	if m == nil {
		return line, !lazyFrame.MatchString(line)
	}
	n, _ := strconv.Atoi(line[m[2]:m[3]]) // the rule lets digits through only
	if n > v.lines {
		return line[:m[0]] + bundleFile + strconv.Itoa(n-v.lines) + line[m[3]:], true
	}
	return line, !strings.HasPrefix(line, "    at ")
}
