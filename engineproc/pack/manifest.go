package pack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Manifest is what a package.json says to the supervisor.
type Manifest struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Description  string            `json:"description,omitempty"`
	Main         string            `json:"main"`
	Profile      string            `json:"profile"`
	Capabilities []string          `json:"capabilities"`
	Limits       Limits            `json:"limits"`
	Methods      map[string]Method `json:"methods"`
}

// Limits are what the package asks for; zero means the profile's. Bytes, cores, processes.
type Limits struct {
	Memory int64         `json:"memory,omitempty"`
	Heap   int64         `json:"heap,omitempty"`
	CPU    float64       `json:"cpu,omitempty"`
	Pids   int64         `json:"pids,omitempty"`
	Invoke time.Duration `json:"invoke,omitempty"` // ns
	Queue  int           `json:"queue,omitempty"`
	KV     int64         `json:"kv,omitempty"`
}

// Method is one method that the package declares.
type Method struct {
	Input       json.RawMessage `json:"input,omitempty"`
	Output      json.RawMessage `json:"output,omitempty"`
	Idempotent  bool            `json:"idempotent,omitempty"`
	Description string          `json:"description,omitempty"`
}

// Names lists the methods in order.
func (m *Manifest) Names() []string {
	var out []string
	for n := range m.Methods {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// The bounds of a manifest.
const (
	maxManifest = 1 << 20
	maxMethods  = 256
)

// Faults are every fault of one text, in its order.
type Faults = codes.Faults

// ReadManifest reads dir/package.json. The error is codes.NoPackage, or Faults of codes.BadManifest.
func ReadManifest(dir string) (*Manifest, error) {
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return nil, codes.New(codes.NoPackage, "%s is no folder", dir)
	}
	file := filepath.Join(dir, "package.json")
	if err := usable(dir, file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Faults{codes.New(codes.BadManifest, "it %v", err).At(codes.Position{File: file})}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, codes.New(codes.NoPackage, "%s has no package.json", dir).Wrap(err)
	}
	return ParseManifest(b, file)
}

// raw is the shape of the file. The fnode field is strict; the rest of package.json is npm's.
type raw struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Description string `json:"description"`
	Main        string `json:"main"`
	Fnode       *struct {
		Engine       string                     `json:"engine"`
		Profile      string                     `json:"profile"`
		State        string                     `json:"state"`
		Capabilities []json.RawMessage          `json:"capabilities"`
		Limits       map[string]json.RawMessage `json:"limits"`
		Methods      map[string]json.RawMessage `json:"methods"`
	} `json:"fnode"`
}

var (
	nameRule    = regexp.MustCompile(`^(@[a-z0-9][a-z0-9._-]{0,63}/)?[a-z0-9][a-z0-9._-]{0,63}$`)
	versionRule = regexp.MustCompile(`^\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$`)
	methodRule  = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,63}$`)
	profiles    = []string{"strict", "strict_plus", "moderate", "permissive"}
	granted     = []string{"kv", "timers", "random", "console"}
)

// parser collects faults with their places.
type parser struct {
	file   string
	src    []byte
	faults Faults
}

func (p *parser) bad(path []string, format string, args ...any) {
	p.faults = append(p.faults, codes.New(codes.BadManifest, format, args...).At(p.at(Locate(p.src, path...))))
}

func (p *parser) at(offset int) codes.Position {
	return PositionOf(p.file, p.src, offset)
}

// ParseManifest parses the text of a package.json; file is for positions.
func ParseManifest(src []byte, file string) (*Manifest, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // as npm does
	p := &parser{file: file, src: src}
	if len(src) > maxManifest {
		return nil, Faults{codes.New(codes.BadManifest, "a manifest of %d bytes, at most %d", len(src), maxManifest).At(codes.Position{File: file})}
	}
	var r raw
	if err := json.Unmarshal(src, &r); err != nil {
		return nil, Faults{codes.New(codes.BadManifest, "%s", jsonText(src, err)).At(p.at(jsonOffset(src, err))).Wrap(err)}
	}
	m := &Manifest{Name: r.Name, Version: r.Version, Description: r.Description, Main: r.Main, Methods: map[string]Method{}, Capabilities: []string{}}
	if !nameRule.MatchString(r.Name) {
		p.bad([]string{"name"}, "name: %q is no package name (lower case, digits, . _ -)", r.Name)
	}
	if m.Version == "" {
		m.Version = "0.0.0" // npm lets a private package leave it out
	}
	if !versionRule.MatchString(m.Version) {
		p.bad([]string{"version"}, "version: %q is no version like 1.2.3", m.Version)
	}
	if i := strings.IndexByte(m.Name, '/'); i >= 0 {
		m.Name = m.Name[i+1:]
	}
	if r.Fnode == nil {
		p.bad(nil, "there is no fnode field: this package is no extension")
		return nil, p.faults
	}
	p.unknown([]string{"fnode"}, []string{"engine", "profile", "state", "capabilities", "limits", "methods"})
	p.profile(m, r)
	p.capabilities(m, r.Fnode.Capabilities)
	p.limits(m, r.Fnode.Limits)
	p.methods(m, r.Fnode.Methods)
	if m.Main == "" {
		m.Main = "index.js"
	}
	if filepath.IsAbs(m.Main) || strings.HasPrefix(filepath.Clean(m.Main), "..") {
		p.bad([]string{"main"}, "main: %q leads out of the package", m.Main)
	}
	if len(p.faults) > 0 {
		return nil, p.inOrder()
	}
	return m, nil
}

// inOrder gives the faults in the order of the text: the first one is what a log shows.
func (p *parser) inOrder() Faults {
	slices.SortStableFunc(p.faults, func(a, b *codes.Error) int {
		return cmp.Or(cmp.Compare(a.Where.Line, b.Where.Line), cmp.Compare(a.Where.Col, b.Where.Col))
	})
	return p.faults
}

func (p *parser) profile(m *Manifest, r raw) {
	m.Profile = r.Fnode.Profile
	if m.Profile == "" {
		m.Profile = "strict"
	}
	if !slices.Contains(profiles, m.Profile) {
		p.bad([]string{"fnode", "profile"}, "fnode.profile: %q is none of %s", m.Profile, strings.Join(profiles, ", "))
	}
	if e := r.Fnode.Engine; e != "" && e != "^1" && e != "1" && !strings.HasPrefix(e, "^1.") {
		p.bad([]string{"fnode", "engine"}, "fnode.engine: this daemon has engine interface 1, the package asks for %q", e)
	}
	if s := r.Fnode.State; s != "" && s != "stateless" && s != "stateful" {
		p.bad([]string{"fnode", "state"}, "fnode.state: %q is neither stateless nor stateful", s)
	}
}

func (p *parser) capabilities(m *Manifest, list []json.RawMessage) {
	for i, c := range list {
		var word string
		var net struct {
			Net string `json:"net"`
		}
		at := []string{"fnode", "capabilities", strconv.Itoa(i)}
		switch {
		case json.Unmarshal(c, &word) == nil:
			if !slices.Contains(granted, word) {
				p.bad(at, "fnode.capabilities: there is no capability %q; there are %s", word, strings.Join(granted, ", "))
			}
			m.Capabilities = append(m.Capabilities, word)
		case json.Unmarshal(c, &net) == nil && net.Net != "":
			p.bad(at, "fnode.capabilities: net needs the network guard, which this release does not have")
		default:
			p.bad(at, "fnode.capabilities: a capability is a word or an object with one word")
		}
	}
}

func (p *parser) limits(m *Manifest, ls map[string]json.RawMessage) {
	size := func(v *int64) func(json.RawMessage) error {
		return func(b json.RawMessage) (err error) { *v, err = sizeOf(b); return err }
	}
	set := map[string]func(json.RawMessage) error{
		"memory": size(&m.Limits.Memory), "heap": size(&m.Limits.Heap), "kv": size(&m.Limits.KV),
		"cpu": func(b json.RawMessage) error { return positive(json.Unmarshal(b, &m.Limits.CPU), m.Limits.CPU) },
		"pids": func(b json.RawMessage) error {
			return positive(json.Unmarshal(b, &m.Limits.Pids), float64(m.Limits.Pids))
		},
		"queue": func(b json.RawMessage) error {
			return positive(json.Unmarshal(b, &m.Limits.Queue), float64(m.Limits.Queue))
		},
		"invoke": func(b json.RawMessage) (err error) { m.Limits.Invoke, err = durationOf(b); return err },
	}
	for k, v := range ls {
		f, known := set[k]
		if !known {
			p.bad([]string{"fnode", "limits", k}, "fnode.limits: there is no limit %q", k)
			continue
		}
		if err := f(v); err != nil {
			p.bad([]string{"fnode", "limits", k}, "fnode.limits.%s: %v", k, err)
		}
	}
	if m.Limits.KV > spec.MostKV {
		p.bad([]string{"fnode", "limits", "kv"}, "fnode.limits.kv: %d bytes are more than a package may ask for, %d", m.Limits.KV, spec.MostKV)
	}
	for _, n := range []struct {
		key         string
		have, least int64
	}{{"heap", m.Limits.Heap, spec.LeastHeap}, {"memory", m.Limits.Memory, spec.LeastMemory}, {"pids", m.Limits.Pids, spec.LeastPids}} {
		if n.have > 0 && n.have < n.least {
			p.bad([]string{"fnode", "limits", n.key}, "fnode.limits.%s: %d is less than an engine needs to start, %d", n.key, n.have, n.least)
		}
	}
}

func positive(err error, v float64) error {
	if err != nil || v <= 0 || v > 1e6 {
		return errors.New("a number over 0 is expected")
	}
	return nil
}

func (p *parser) methods(m *Manifest, ms map[string]json.RawMessage) {
	if len(ms) == 0 || len(ms) > maxMethods {
		p.bad([]string{"fnode", "methods"}, "fnode.methods: 1 to %d methods are expected, got %d", maxMethods, len(ms))
	}
	for name, b := range ms {
		at := []string{"fnode", "methods", name}
		if !methodRule.MatchString(name) {
			p.bad(at, "fnode.methods: %q is no name of a JavaScript function", name)
			continue
		}
		p.unknown(at, methodKeys)
		var one Method
		if err := json.Unmarshal(b, &one); err != nil {
			p.bad(append(at, fieldOf(err)...), "fnode.methods.%s: %s", name, jsonText(b, err))
			continue
		}
		m.Methods[name] = one
	}
}

var methodKeys = []string{"input", "output", "idempotent", "description"}

// fieldOf is where below a value an error of its type lies.
func fieldOf(err error) []string {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) && typ.Field != "" {
		return strings.Split(typ.Field, ".")
	}
	return nil
}

// unknown reports the keys of an object that are not in the list.
func (p *parser) unknown(path, known []string) {
	for _, k := range keysAt(p.src, path) {
		if !slices.Contains(known, k) {
			p.bad(append(slices.Clone(path), k), "%s: unknown key %q; there are %s", strings.Join(path, "."), k, strings.Join(known, ", "))
		}
	}
}

var units = map[string]int64{"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}

// sizeOf parses 1048576, "64Mi" or "1Gi".
func sizeOf(b json.RawMessage) (int64, error) {
	var n int64
	if json.Unmarshal(b, &n) == nil && n > 0 {
		return n, nil
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return 0, errors.New(`a size like "64Mi" is expected`)
	}
	digits := strings.TrimRight(s, "KMGi")
	unit, known := units[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n <= 0 || n > (1<<40)/unit {
		return 0, fmt.Errorf(`%q is no size; write 1048576, "64Mi" or "1Gi"`, s)
	}
	return n * unit, nil
}

func durationOf(b json.RawMessage) (time.Duration, error) {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return 0, errors.New(`a duration like "1s" is expected`)
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > time.Hour {
		return 0, fmt.Errorf(`%q is no duration up to 1h; write "500ms" or "2s"`, s)
	}
	return d, nil
}
