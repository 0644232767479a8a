package lab

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Trace is one run as a file: a header, a line for each choice, and a line that says how it ended. Each line holds a
// hash over it and all before it, so that an altered file is told at the line that was altered.
type Trace struct {
	Header Header
	Steps  []Choice
	End    End

	name string // of the file it was read from
}

// traceVersion is the version of the form.
const traceVersion = 1

// Limits of a trace file. A file that is longer is no trace that this package wrote.
const (
	mostLine  = 1 << 20
	mostSteps = 200_000
	mostBytes = 256 << 20
)

// Header says what was run. Go and Program say who recorded it, for people; nothing is decided by them.
type Header struct {
	Lab      int      `json:"lab"` // version of the form
	Scenario string   `json:"scenario"`
	Model    string   `json:"model"`
	Timers   string   `json:"timers"`
	Link     Link     `json:"link"`
	Stuck    bool     `json:"stuck"`
	Seed     uint64   `json:"seed"`
	Depth    int      `json:"depth"`
	Go       string   `json:"go"`
	Program  string   `json:"program"` // digest of the build
	Faults   []string `json:"faults"`  // letters that do not simply arrive
	Setup    []Deed   `json:"setup"`   // what was there, or was done, before the first choice
	H        string   `json:"h"`
}

// Choice is one step: which process was chosen among which, and what it did.
type Choice struct {
	I       int      `json:"i"` // from 0
	Do      string   `json:"do"`
	Enabled []string `json:"enabled"`
	What    []Deed   `json:"what"`
	H       string   `json:"h"`
}

// End is how the run ended.
type End struct {
	Steps      int         `json:"end"`
	Cut        bool        `json:"cut,omitempty"` // it reached the bound on steps
	Violations []Violation `json:"violations"`
	Verdicts   []string    `json:"verdicts"`
	Hash       string      `json:"hash"`
}

// chain is the rolling hash of a trace.
type chain struct{ sum [sha256.Size]byte }

// next covers one more line, given without its hash.
func (c *chain) next(line []byte) {
	h := sha256.New()
	h.Write(c.sum[:])
	h.Write(line)
	h.Sum(c.sum[:0])
}

func (c *chain) short() string { return hex.EncodeToString(c.sum[:8]) }
func (c *chain) long() string  { return hex.EncodeToString(c.sum[:]) }

// line is what can stand on a line of a trace.
type line interface {
	bare() any // the same without its hash
	hash() string
}

func (h Header) bare() any    { h.H = ""; return h }
func (h Header) hash() string { return h.H }
func (c Choice) bare() any    { c.H = ""; return c }
func (c Choice) hash() string { return c.H }
func (e End) bare() any       { e.Hash = ""; return e }
func (e End) hash() string    { return e.Hash }

func encodeLine(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("lab: a line of a trace cannot be encoded: %v", err)) // strings, numbers and lists of them
	}
	return b.Bytes()
}

// seal gives every line its hash.
func (t *Trace) seal() {
	var c chain
	c.next(encodeLine(t.Header.bare()))
	t.Header.H = c.short()
	for i := range t.Steps {
		c.next(encodeLine(t.Steps[i].bare()))
		t.Steps[i].H = c.short()
	}
	c.next(encodeLine(t.End.bare()))
	t.End.Hash = c.long()
}

// Write seals the trace and writes it as lines of JSON. The same run of the same build gives the same bytes.
func (t *Trace) Write(w io.Writer) error {
	t.seal()
	b := bufio.NewWriter(w)
	for _, l := range t.lines() {
		raw := encodeLine(l)
		if len(raw) > mostLine {
			return codes.New(codes.OutputFailed, "a line of the trace has %d bytes; the limit is %d", len(raw), mostLine)
		}
		if _, err := b.Write(raw); err != nil {
			return err
		}
	}
	return b.Flush()
}

func (t *Trace) lines() []line {
	out := make([]line, 0, len(t.Steps)+2)
	out = append(out, t.Header)
	for _, s := range t.Steps {
		out = append(out, s)
	}
	return append(out, t.End)
}

// Failed says whether a check failed in the run.
func (t *Trace) Failed() bool { return len(t.End.Violations) > 0 }

// Err is the run's violation as an error with its code; nil if no check failed. file is for messages, and may be "".
func (t *Trace) Err(file string) error {
	if !t.Failed() {
		return nil
	}
	v := t.End.Violations[0]
	err := codes.New(codes.LabViolation, "%s: %s fails: %s", t.Header.Scenario, v.Check, clip(v.Detail, 200))
	for _, also := range t.End.Violations[1:] {
		err = err.Fact("also", "%s: %s", also.Check, clip(also.Detail, 200))
	}
	if file != "" {
		err = err.Fact("trace", "%s", file)
	}
	return err
}

// ReadTrace reads a trace strictly: name is for messages. An error is codes.LabBadTrace with the line.
func ReadTrace(r io.Reader, name string) (*Trace, error) {
	rd := &reader{in: bufio.NewReaderSize(io.LimitReader(r, mostBytes), mostLine), name: name}
	t := &Trace{name: name}
	if err := rd.header(&t.Header); err != nil {
		return nil, err
	}
	for {
		raw, err := rd.next()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(raw, []byte(`{"end":`)) {
			if err := rd.end(raw, t); err != nil {
				return nil, err
			}
			return t, nil
		}
		var c Choice
		if err := rd.parse(raw, &c, func() line { return c }); err != nil {
			return nil, err
		}
		if err := rd.choice(c, len(t.Steps)); err != nil {
			return nil, err
		}
		t.Steps = append(t.Steps, c)
	}
}

// reader reads the lines of a trace.
type reader struct {
	in   *bufio.Reader
	name string
	n    int // lines so far
	raw  []byte
	hash chain
}

func (r *reader) bad(format string, args ...any) error {
	text := r.raw
	if len(text) > 200 {
		text = text[:200]
	}
	return codes.New(codes.LabBadTrace, format, args...).
		At(codes.Position{File: r.name, Line: max(r.n, 1), Text: clean(string(bytes.TrimRight(text, "\n")))})
}

// next gives the next line with its line break.
func (r *reader) next() ([]byte, error) {
	raw, err := r.in.ReadSlice('\n')
	r.n++
	r.raw = raw
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, r.bad("the line is longer than %d bytes", mostLine)
	case errors.Is(err, io.EOF):
		r.raw = nil
		return nil, r.bad("the file ends here, without the line that says how the run ended: it is cut off")
	case err != nil:
		return nil, r.bad("it cannot be read: %v", err)
	}
	return raw, nil
}

// parse reads one line into v and checks that it is just what v would be written as, and that its hash follows from
// the lines before.
func (r *reader) parse(raw []byte, v any, as func() line) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return r.bad("this is no line of a trace: %v", err)
	}
	l := as()
	if !bytes.Equal(encodeLine(l), raw) {
		return r.bad("the line was altered: it is not in the form in which traces are written")
	}
	r.hash.next(encodeLine(l.bare()))
	want := r.hash.short()
	if _, end := l.(End); end {
		want = r.hash.long()
	}
	if l.hash() != want {
		return r.bad("the line was altered, or one before it: its hash is %.16s, and %.16s follows from the file", l.hash(), want)
	}
	return nil
}

func (r *reader) header(h *Header) error {
	raw, err := r.next()
	if err != nil {
		return err
	}
	var first struct {
		Lab *int `json:"lab"`
	}
	switch err := json.Unmarshal(raw, &first); {
	case err != nil || first.Lab == nil:
		return r.bad("this is no trace of the lab")
	case *first.Lab != traceVersion:
		return r.bad("the trace has version %d; this release reads %d", *first.Lab, traceVersion)
	}
	if err := r.parse(raw, h, func() line { return *h }); err != nil {
		return err
	}
	if _, err := h.options(); err != nil {
		return r.bad("%v", err)
	}
	return nil
}

func (r *reader) choice(c Choice, i int) error {
	switch {
	case i >= mostSteps:
		return r.bad("there are more than %d choices", mostSteps)
	case c.I != i:
		return r.bad("this is choice %d where %d is expected", c.I, i)
	case !slices.Contains(c.Enabled, c.Do):
		return r.bad("%q steps, which was not enabled", c.Do)
	}
	return nil
}

func (r *reader) end(raw []byte, t *Trace) error {
	if err := r.parse(raw, &t.End, func() line { return t.End }); err != nil {
		return err
	}
	if t.End.Steps != len(t.Steps) {
		return r.bad("the run has %d steps by its end, and %d by its lines", t.End.Steps, len(t.Steps))
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		r.n++
		r.raw = nil
		return r.bad("something follows the end of the trace")
	}
	return nil
}

// options are those of the recorded run.
func (h Header) options() (o Options, err error) {
	m, t := slices.Index(modelNames[:], h.Model), slices.Index(timerNames[:], h.Timers)
	switch {
	case m < 0:
		return o, fmt.Errorf("there is no model %q", h.Model)
	case t < 0:
		return o, fmt.Errorf("there are no timers %q", h.Timers)
	case h.Scenario == "" || h.Depth < 1 || h.Depth > mostSteps || h.Link.Drop < 0 || h.Link.Dup < 0:
		return o, errors.New("its header is out of range")
	}
	for _, f := range h.Faults {
		if _, _, ok := parseFault(f); !ok {
			return o, fmt.Errorf("%q is no fault of a letter", f)
		}
	}
	return Options{Model: Model(m), Timers: Timers(t), Link: h.Link, Stuck: h.Stuck, Seed: h.Seed, Depth: h.Depth}, nil
}
