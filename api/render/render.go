package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Format is a form of output.
type Format string

// The forms: table for people, wide with more columns, json one indented document, jsonl one line for each
// item, yaml, name one name a line.
const (
	Table Format = "table"
	Wide  Format = "wide"
	JSON  Format = "json"
	JSONL Format = "jsonl"
	YAML  Format = "yaml"
	Name  Format = "name"
)

// Formats lists every form.
var Formats = []Format{Table, Wide, JSON, JSONL, YAML, Name}

// ParseFormat finds a form by its name.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats, f) {
		return f, nil
	}
	return "", codes.New(codes.Usage, "-o %q is none of table, wide, json, jsonl, yaml, name", s)
}

// Doc is one answer in all its forms. Items are what jsonl prints, Value alone if there are none. Table
// and wide print Text if there is any, then the Grid.
type Doc struct {
	Value any
	Items []any
	Names []string
	Text  string
	Grid  Grid
}

// Grid is a table. Narrow is how many columns the table form shows; 0 is all.
type Grid struct {
	Head   []string
	Rows   [][]string
	Narrow int
}

// Printer writes in one format. Color is on only for a terminal.
type Printer struct {
	Out, Err io.Writer
	Format   Format
	Color    bool
}

// Doc prints an answer. An error is codes.OutputFailed.
func (p Printer) Doc(d Doc) error {
	out, err := p.form(d)
	if err != nil {
		return codes.New(codes.SurfaceFault, "the answer cannot be printed: %v", err).Wrap(err)
	}
	if _, err := p.Out.Write(out); err != nil {
		return codes.New(codes.OutputFailed, "cannot write the answer: %v", err).Wrap(err)
	}
	return nil
}

func (p Printer) form(d Doc) ([]byte, error) {
	switch p.Format {
	case JSON:
		return indented(d.Value)
	case JSONL:
		return lines(d)
	case YAML:
		return asYAML(d.Value)
	case Name:
		return names(d.Names), nil
	}
	return []byte(d.text(p.Format == Wide, p.Color)), nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func indented(v any) ([]byte, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func lines(d Doc) ([]byte, error) {
	items := d.Items
	if items == nil {
		items = []any{d.Value}
	}
	var out []byte
	for _, v := range items {
		raw, err := encode(v)
		if err != nil {
			return nil, err
		}
		out = append(out, raw...)
	}
	return out, nil
}

func names(in []string) []byte {
	var b bytes.Buffer
	for _, n := range in {
		b.WriteString(Clean(n))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// asYAML prints the JSON form as YAML in block style, with the same keys, order and numbers.
func asYAML(v any) ([]byte, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	n, err := yamlNode(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// yamlNode reads one JSON value token by token, so that keys keep their order and numbers their digits.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case json.Delim:
		return yamlNest(d, v)
	case string:
		n := &yaml.Node{}
		err := n.Encode(v)                                  // quotes what another reader of YAML would take for something else
		if n.Style&yaml.LiteralStyle != 0 || n.Value != v { // a block loses leading line breaks
			n.Style, n.Value = yaml.DoubleQuotedStyle, v
		}
		return n, err
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func yamlNest(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	for d.More() {
		child, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	_, err := d.Token()
	return n, err
}

func (d Doc) text(wide, color bool) string {
	var b strings.Builder
	if d.Text != "" {
		b.WriteString(strings.TrimRight(d.Text, "\n") + "\n")
	}
	d.Grid.write(&b, wide, color)
	return b.String()
}

func (g Grid) write(b *strings.Builder, wide, color bool) {
	cols := len(g.Head)
	if !wide && g.Narrow > 0 {
		cols = min(cols, g.Narrow)
	}
	if cols == 0 {
		return
	}
	rows := append([][]string{g.Head}, g.Rows...)
	width := make([]int, cols)
	for _, r := range rows {
		for i := range min(cols, len(r)) {
			width[i] = max(width[i], utf8.RuneCountInString(Clean(r[i])))
		}
	}
	for n, r := range rows {
		line := ""
		for i := range min(cols, len(r)) {
			cell := Clean(r[i])
			line += cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2)
		}
		line = strings.TrimRight(line, " ")
		if n == 0 && color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		b.WriteString(line + "\n")
	}
}

// Clean makes text from outside safe for a terminal and for one line: control characters, line breaks and
// the characters that turn the direction of text become visible or a space.
func Clean(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t' || c == '\n' || c == '\r':
			return ' '
		case c == utf8.RuneError || unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029':
			return '\uFFFD'
		}
		return c
	}, s)
}
