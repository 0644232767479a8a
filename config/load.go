package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Faults are every fault of one text, in its order.
type Faults = codes.Faults

const maxFile = 1 << 20

// Load reads a TOML file with its drop-ins (conf.d/*.toml beside it, in name order, later values win; hidden ones
// are an editor's, and passed over) and validates the whole. The error is codes.ConfigMissing, or Faults of codes.BadConfig.
func Load(name string) (*Config, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, codes.New(codes.ConfigMissing, "the configuration %s cannot be read: %s", name, reasonOf(err)).Wrap(err)
	}
	files := map[string][]byte{name: b}
	order := []string{name}
	dir := filepath.Join(filepath.Dir(name), "conf.d")
	drops, err := os.ReadDir(dir) // sorted by name
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, codes.New(codes.ConfigMissing, "%s cannot be read: %s", dir, reasonOf(err)).Wrap(err)
	}
	for _, e := range drops {
		d := filepath.Join(dir, e.Name())
		if filepath.Ext(d) != ".toml" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if files[d], err = os.ReadFile(d); err != nil {
			return nil, codes.New(codes.ConfigMissing, "the drop-in %s cannot be read: %s", d, reasonOf(err)).Wrap(err)
		}
		order = append(order, d)
	}
	return parse(order, files)
}

// reasonOf is what the kernel said, without the path that the message names already.
func reasonOf(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Parse reads one text, named for its positions.
func Parse(src []byte, name string) (*Config, error) {
	return parse([]string{name}, map[string][]byte{name: src})
}

// parse takes the files in order. It reports every fault of every file at once: unknown keys, values of the wrong
// type, and rules that do not hold. Only a text that is no TOML hides what else is wrong with it.
func parse(order []string, files map[string][]byte) (*Config, error) {
	var f file
	b := builder{places: places{}, base: filepath.Dir(order[0]), refused: map[line]bool{}}
	var faults Faults
	whole := true
	for _, name := range order {
		src := files[name]
		if len(src) > maxFile {
			faults = append(faults, codes.New(codes.BadConfig, "a configuration of %d bytes, at most %d", len(src), maxFile).At(codes.Position{File: name}))
			whole = false
			continue
		}
		before := counts{len(f.Supervisor), len(f.Extension), len(f.API.Roles)}
		b.places.add(name, src, before)
		one, clean, found, ok := decode(name, src)
		for _, e := range found {
			b.refused[line{name, e.Where.Line}] = true
		}
		faults, whole = append(faults, found...), whole && ok
		merge(&f, one, clean)
	}
	if !whole {
		return nil, faults
	}
	c := b.build(f)
	if faults = append(faults, b.faults...); len(faults) > 0 {
		slices.SortStableFunc(faults, func(x, y *codes.Error) int {
			return cmp.Or(cmp.Compare(slices.Index(order, x.Where.File), slices.Index(order, y.Where.File)), cmp.Compare(x.Where.Line, y.Where.Line))
		})
		return nil, faults
	}
	c.written, c.origins = f, map[string]string{}
	for key, at := range b.places {
		c.origins[key] = at.String()
	}
	return c, nil
}

// line is a line of a file.
type line struct {
	file string
	n    int
}

const maxFaults = 100 // of one file

// decode reads one text, strictly. A value of the wrong type is told and taken out, so that the rest is read;
// clean is the text without those. ok is false where the text is no TOML.
func decode(name string, src []byte) (f file, clean []byte, faults Faults, ok bool) {
	for range maxFaults {
		f = file{}
		err := toml.NewDecoder(bytes.NewReader(src)).DisallowUnknownFields().Decode(&f)
		var strict *toml.StrictMissingError
		switch {
		case err == nil:
			return f, src, faults, true
		case errors.As(err, &strict):
			for _, e := range strict.Errors {
				line, col := e.Position()
				faults = append(faults, codes.New(codes.BadConfig, "unknown key %s", strings.Join(e.Key(), ".")).At(place(name, src, line, col)))
			}
			return f, src, faults, true
		}
		at := whereOf(name, src, err)
		faults = append(faults, codes.New(codes.BadConfig, "%s", wrong(err)).At(at))
		if src, ok = without(src, at.Line); !ok {
			return file{}, src, faults, false
		}
	}
	return file{}, src, faults, false
}

// intoRule finds what the decoder says of the Go type that a value was to go into.
var intoRule = regexp.MustCompile(`cannot (?:decode|store) (?:TOML |a )?(\w+).* (?:into|in) .*type ([\w.*\[\]]+)$`)

// words say what a Go type of the file's shape takes.
var words = map[string]string{
	"string": "a text", "int": "a whole number", "int64": "a whole number", "*int": "a whole number", "float64": "a number", "bool": "true or false",
	"config.duration": `a duration like "5s"`, "config.size": `a size like "64Mi"`,
}

// wrong says what is wrong with a value, in the words of the file.
func wrong(err error) string {
	text := strings.TrimPrefix(err.Error(), "toml: ")
	var one *toml.DecodeError
	key := ""
	if errors.As(err, &one) && len(one.Key()) > 0 {
		key = strings.Join(one.Key(), ".") + ": "
	}
	if m := intoRule.FindStringSubmatch(text); m != nil {
		want := words[m[2]]
		if want == "" {
			want = "something else"
		}
		return key + "wants " + want + ", got " + strings.ReplaceAll(m[1], "_", " ")
	}
	return key + text
}

func whereOf(name string, src []byte, err error) codes.Position {
	var one *toml.DecodeError
	if errors.As(err, &one) {
		line, col := one.Position()
		return place(name, src, line, col)
	}
	return numberWhereTextBelongs(name, src)
}

// without blanks one line, where what is left is still TOML.
func without(src []byte, line int) ([]byte, bool) {
	lines := bytes.Split(src, []byte("\n"))
	if line < 1 || line > len(lines) || len(bytes.TrimSpace(lines[line-1])) == 0 || !isTOML(src) {
		return src, false
	}
	lines[line-1] = nil
	left := bytes.Join(lines, []byte("\n"))
	return left, isTOML(left)
}

func isTOML(src []byte) bool {
	var parser unstable.Parser
	parser.Reset(src)
	for parser.NextExpression() {
		parser.Expression()
	}
	return parser.Error() == nil
}

// texts are the keys whose values are texts like "5s" or "64Mi".
var texts = []string{"window", "start_timeout", "initial", "max", "stable_after", "invoke", "memory", "heap", "per_extension", "shutdown", "quota", "retention"}

// numberWhereTextBelongs finds the place of a fault that the decoder tells without one: a bare number where a
// text with a unit belongs.
func numberWhereTextBelongs(name string, src []byte) codes.Position {
	var parser unstable.Parser
	parser.Reset(src)
	for parser.NextExpression() {
		e := parser.Expression()
		if e.Kind != unstable.KeyValue {
			continue
		}
		var last *unstable.Node
		for it := e.Key(); it.Next(); {
			last = it.Node()
		}
		if k := e.Value().Kind; last != nil && slices.Contains(texts, string(last.Data)) && k != unstable.String {
			start := parser.Shape(last.Raw).Start
			return place(name, src, start.Line, start.Column)
		}
	}
	return codes.Position{File: name}
}

func place(name string, src []byte, row, col int) codes.Position {
	p := codes.Position{File: name, Line: row, Col: col}
	if lines := bytes.Split(src, []byte("\n")); row > 0 && row <= len(lines) {
		p.Text = string(lines[row-1][:min(len(lines[row-1]), 200)])
	}
	return p
}

// merge lays one file over what came before: single values win, lists grow.
func merge(f *file, one file, src []byte) {
	sups, exts, roles := f.Supervisor, f.Extension, f.API.Roles
	f.Supervisor, f.Extension, f.API.Roles = nil, nil, nil // decoding would write into their memory
	_ = toml.Unmarshal(src, f)                             // its faults were found by decode
	f.Supervisor = append(sups, one.Supervisor...)
	f.Extension = append(exts, one.Extension...)
	f.API.Roles = append(roles, one.API.Roles...)
}

// places knows where every key stands: "extension[0].package".
type places map[string]codes.Position

type counts struct{ sup, ext, roles int }

// add walks the text's expressions. A text that does not parse adds what came before its fault.
func (p places) add(name string, src []byte, before counts) {
	var parser unstable.Parser
	parser.Reset(src)
	index := map[string]int{"supervisor": before.sup, "extension": before.ext, "api.roles": before.roles}
	table := ""
	for parser.NextExpression() {
		e := parser.Expression()
		var parts []string
		var first *unstable.Node
		for it := e.Key(); it.Next(); {
			if first == nil {
				first = it.Node()
			}
			parts = append(parts, string(it.Node().Data))
		}
		if first == nil {
			continue
		}
		start := parser.Shape(first.Raw).Start
		at := place(name, src, start.Line, start.Column)
		key := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.ArrayTable:
			table = key + "[" + strconv.Itoa(index[key]) + "]"
			index[key]++
			p[table] = at
		case unstable.Table:
			table = inArray(key, index)
			p[table] = at
		case unstable.KeyValue:
			if table != "" {
				key = table + "." + key
			}
			p[key] = at
		}
	}
}

// inArray names a table below the newest element of an array: [extension.backoff].
func inArray(key string, index map[string]int) string {
	for arr, n := range index {
		if rest, ok := strings.CutPrefix(key, arr+"."); ok && n > 0 {
			return arr + "[" + strconv.Itoa(n-1) + "]." + rest
		}
	}
	return key
}

// at finds the place of a key, or of the nearest table above it.
func (p places) at(key string) codes.Position {
	for {
		if at, ok := p[key]; ok {
			return at
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return codes.Position{}
		}
		key = key[:i]
	}
}

// Schema is the JSON Schema of the file, generated from its Go types.
func Schema() []byte {
	r := jsonschema.Reflector{DoNotReference: true, Mapper: nil}
	s := r.Reflect(&file{})
	s.Title = "fnode-supervisor configuration"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the types are ours: it does not fail
	}
	return append(b, '\n')
}

// Shown is a configuration for people and programs: as written in its files, drop-ins included, or as it takes
// effect, and where each key that is not a default stands.
type Shown struct {
	Config  any               `json:"config"`  // in the shape of the file
	Origins map[string]string `json:"origins"` // key -> file:line:col; what is not here is a default
}

// Show gives the configuration; effective: with every default filled in.
func (c *Config) Show(effective bool) Shown {
	s := Shown{c.written, c.origins}
	if effective {
		s.Config = c.file()
	}
	if s.Origins == nil {
		s.Origins = map[string]string{}
	}
	return s
}

// TOML writes it as a file that says the same, with the origins as comments behind it.
func (s Shown) TOML() ([]byte, error) {
	b, err := toml.Marshal(s.Config)
	if err != nil || len(s.Origins) == 0 {
		return b, err
	}
	out := append(b, "\n# Where it is set; the rest are defaults.\n"...)
	for _, key := range slices.Sorted(maps.Keys(s.Origins)) {
		out = fmt.Appendf(out, "#   %-32s %s\n", key, s.Origins[key])
	}
	return out, nil
}
