package lab

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/franken-node/fnode-supervisor/actors"
)

// mostText bounds the text of a message, in characters.
const mostText = 60

// describe puts a message into a few words that are the same in every run: no addresses, maps in order.
func describe(body any) string { return describeValue(reflect.ValueOf(body)) }

func describeValue(v reflect.Value) string {
	d := describer{left: 40}
	return clip(d.text(v, 0), mostText)
}

// clip makes text fit: one line, no control characters, and not too long.
func clip(s string, most int) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// clean keeps what is safe to print on a terminal, in one line.
func clean(s string) string {
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

type describer struct{ left int }

// text describes a value. Values of one's own types say themselves what they are, where they have a String method.
func (d *describer) text(v reflect.Value, depth int) string {
	if d.left--; d.left < 0 || depth > 4 {
		return "…"
	}
	if !v.IsValid() {
		return "nil"
	}
	if s, ok := d.known(v, depth); ok {
		return s
	}
	switch v.Kind() {
	case reflect.String:
		return d.quoted(v.String(), depth)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return d.text(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return d.list(v, depth)
	case reflect.Map:
		return d.mapping(v, depth)
	case reflect.Struct:
		return d.structure(v, depth)
	}
	return v.Type().String()
}

// quoted leaves a text alone where it stands alone.
func (d *describer) quoted(s string, depth int) string {
	if depth == 0 {
		return s
	}
	return strconv.Quote(clip(s, mostText))
}

// known are the kernel's own messages, and values with words of their own.
func (d *describer) known(v reflect.Value, depth int) (string, bool) {
	t := v.Type()
	name := shortName(t)
	switch {
	case t == refType && v.CanInterface():
		return dashed(v.Interface().(actors.Ref).Path()), true
	case t == refType:
		return "Ref", true
	case t.Kind() == reflect.Struct && t.PkgPath() == kernelPath+"actors" && t.Name() == "control":
		return control(v), true
	case t.Kind() == reflect.Struct && strings.HasPrefix(name, "Ask["):
		return "asks " + d.text(v.FieldByName("Q"), depth+1), true
	case t.Kind() == reflect.Struct && strings.HasPrefix(name, "Answer["):
		if e := v.FieldByName("Err"); !e.IsNil() {
			return "answers with an error", true
		}
		return "answers " + d.text(v.FieldByName("Val"), depth+1), true
	case !v.CanInterface() || t.Kind() == reflect.Pointer:
		return "", false
	}
	switch x := v.Interface().(type) {
	case actors.Down:
		return "the end of " + dashed(x.Of.Path()) + " (" + x.Exit.String() + ")", true
	case actors.Committed:
		return "the result of a commit", true
	case fmt.Stringer:
		return said(x), true
	case error:
		return x.Error(), true
	}
	return "", false
}

func dashed(path string) string {
	if path == "" {
		return "nobody"
	}
	return path
}

// said asks a value for its words; one that throws has none.
func said(x fmt.Stringer) (s string) {
	defer func() {
		if recover() != nil {
			s = shortName(reflect.TypeOf(x))
		}
	}()
	return x.String()
}

// control says what the kernel's own message asks for.
func control(v reflect.Value) string {
	switch {
	case v.FieldByName("kill").Bool():
		return "kill"
	case v.FieldByName("cancel").Bool():
		return "cancel request"
	}
	return "nothing is left in the region"
}

// shortName is the name of a type without packages.
func shortName(t reflect.Type) string {
	switch {
	case t.Name() != "":
		return t.Name()
	case t.Kind() == reflect.Struct:
		return "struct"
	}
	return t.String()
}

func (d *describer) list(v reflect.Value, depth int) string {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return d.quoted(clip(string(v.Bytes()), mostText), depth+1)
	}
	parts := make([]string, 0, 4)
	for i := range v.Len() {
		if i == 4 {
			parts = append(parts, fmt.Sprintf("… %d more", v.Len()-i))
			break
		}
		parts = append(parts, d.text(v.Index(i), depth+1))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// mapping describes every entry before it sorts and cuts, so that the order of a map decides nothing.
func (d *describer) mapping(v reflect.Value, depth int) string {
	var all []string
	for it := v.MapRange(); it.Next(); {
		one := describer{left: 10}
		all = append(all, one.text(it.Key(), depth+1)+": "+one.text(it.Value(), depth+1))
	}
	slices.Sort(all)
	if len(all) > 4 {
		all = append(all[:4], fmt.Sprintf("… %d more", v.Len()-4))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// smallStruct is how many fields a struct may have of which all are shown; of larger ones, those that are set.
const smallStruct = 3

// structure shows fields; of the kernel's own types only those that it exports.
func (d *describer) structure(v reflect.Value, depth int) string {
	t := v.Type()
	if strings.HasPrefix(t.PkgPath(), "sync") {
		return shortName(t)
	}
	kernel := false
	for _, room := range kernelRooms {
		kernel = kernel || t.PkgPath() == kernelPath+room
	}
	var parts []string
	for i := range t.NumField() {
		f := v.Field(i)
		if kernel && !t.Field(i).IsExported() || f.IsZero() && (kernel || t.NumField() > smallStruct) {
			continue
		}
		parts = append(parts, d.text(f, depth+1))
	}
	if len(parts) == 0 {
		return shortName(t)
	}
	return shortName(t) + "{" + strings.Join(parts, " ") + "}"
}
