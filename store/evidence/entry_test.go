package evidence_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew; never after a version was released")

// A second implementation of core deterministic CBOR (RFC 8949, 4.2.1), as far as evidence needs it: integers, byte and
// text strings, arrays, maps, booleans and floats. Written from the RFC.
type (
	ints  map[int]any // a map with integer keys
	raw   []byte      // an encoding
	items []any
)

func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n <= math.MaxUint8:
		return []byte{major | 24, byte(n)}
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
}

func encode(v any) (b []byte) {
	switch v := v.(type) {
	case raw:
		return v
	case bool:
		return []byte{map[bool]byte{false: 0xf4, true: 0xf5}[v]}
	case int:
		if v < 0 {
			return head(1, uint64(-1-v))
		}
		return head(0, uint64(v))
	case uint64:
		return head(0, v)
	case float64:
		return float(v)
	case []byte:
		return append(head(2, uint64(len(v))), v...)
	case string:
		return append(head(3, uint64(len(v))), v...)
	case items:
		b = head(4, uint64(len(v)))
		for _, x := range v {
			b = append(b, encode(x)...)
		}
		return b
	case ints:
		var pairs [][]byte
		for k, x := range v {
			pairs = append(pairs, append(encode(k), encode(x)...))
		}
		slices.SortFunc(pairs, bytes.Compare) // keys are prefix-free
		return append(head(5, uint64(len(v))), slices.Concat(pairs...)...)
	}
	panic(fmt.Sprintf("%T", v))
}

// float is the shortest of 16, 32 and 64 bits that keeps the value; normal numbers only.
func float(f float64) []byte {
	bits := math.Float64bits(f)
	exp, frac := int(bits>>52&0x7ff)-1023, bits&(1<<52-1)
	if exp >= -14 && exp <= 15 && frac&(1<<42-1) == 0 {
		return binary.BigEndian.AppendUint16([]byte{0xf9}, uint16(bits>>63<<15|uint64(exp+15)<<10|frac>>42))
	}
	if float64(float32(f)) == f {
		return binary.BigEndian.AppendUint32([]byte{0xfa}, math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64([]byte{0xfb}, bits)
}

// decode reads one value, and what is behind it. It panics on what evidence never has.
func decode(b []byte) (v any, rest []byte) {
	major, info := b[0]>>5, b[0]&31
	n, b := uint64(info), b[1:]
	if info >= 24 {
		size := 1 << (info - 24)
		if info > 27 {
			panic("no definite length")
		}
		n = 0
		for _, x := range b[:size] {
			n = n<<8 | uint64(x)
		}
		b = b[size:]
	}
	switch major {
	case 0:
		if n > math.MaxInt64 {
			return n, b
		}
		return int(n), b
	case 1:
		return -1 - int(n), b
	case 2:
		return bytes.Clone(b[:n]), b[n:]
	case 3:
		return string(b[:n]), b[n:]
	case 4:
		out := items{}
		for range n {
			v, b = decode(b)
			out = append(out, v)
		}
		return out, b
	case 5:
		out := ints{}
		for range n {
			var k any
			k, b = decode(b)
			out[k.(int)], b = decode(b)
		}
		return out, b
	case 7:
		switch info {
		case 20, 21:
			return info == 21, b
		case 25:
			return math.Ldexp(float64(n&0x3ff|0x400), int(n>>10&31)-25), b
		case 27:
			return math.Float64frombits(n), b
		}
	}
	panic(fmt.Sprintf("major %d, info %d", major, info))
}

// vectors are entries, once as this project encodes them and once as the second implementation does.
func vectors() (names []string, ours []evidence.Entry, theirs []ints) {
	add := func(name string, e evidence.Entry, as ints) {
		names, ours, theirs = append(names, name), append(ours, e), append(theirs, as)
	}
	add("grant", must(evidence.New("lease", map[uint64]string{1: "sup/ext/b"}, evidence.Outcome{
		Rule: "E1", Candidates: []string{"refuse", "grant"}, Choice: "grant",
	})), ints{1: "lease", 2: "E1", 3: ints{1: "sup/ext/b"}, 4: items{"refuse", "grant"}, 6: "grant"})

	in := core.Inputs{
		On: core.OnEnd, Now: 1767323045000000000, Strategy: core.RestForOne, Auto: core.All, Budget: core.Budget{Restarts: 5, Window: 30 * time.Second},
		Child: core.Child{
			Name: "ext/markdown", Restart: core.Transient, Shutdown: core.Shutdown{Within: time.Second}, Significant: true, StartTimeout: 2 * time.Second,
			Backoff: core.Backoff{Initial: time.Second, Factor: 2.5}, CrashLoop: core.CrashLoop{Failures: 3, Window: time.Minute}, Pinned: "1.2.0",
		},
		Exit: core.Exit{Kind: core.Crashed, Text: "TypeError: é"}, UpSince: 1767323044000000000, Tries: 1, Rand: 1<<63 + 5,
		Fails: core.Times{At: []int64{1767323040000000000}}, Own: core.Times{At: []int64{1767323040000000000}}, Others: core.Times{At: []int64{1767323030000000001}},
	}
	d := core.Decision{Inputs: in, Outcome: must(core.Replay(in))}
	e := must(account.Entry(&d, 41, 300))
	add("restart", e, ints{
		1: "restart", 2: "S1", 3: ints{
			1: 1, 2: 1767323045000000000, 3: 2, 4: 2, 5: ints{1: 5, 2: 30000000000},
			6: ints{1: "ext/markdown", 3: 1, 4: ints{3: 1000000000}, 5: true, 6: 2000000000, 7: ints{2: 1000000000, 4: 2.5}, 9: ints{1: 3, 2: 60000000000}, 10: "1.2.0"},
			7: ints{1: 2, 2: "TypeError: é"}, 10: 1767323044000000000, 11: 1, 12: uint64(1<<63 + 5),
			13: ints{1: items{1767323040000000000}}, 14: ints{1: items{1767323040000000000}}, 15: ints{1: items{1767323030000000001}},
		},
		4: items{"rest", "remove", "restart", "fall_back", "quarantine", "give_up", "shut_down"},
		5: items{"restart", "crash_loop", "budget", "backoff"}, 6: "restart", 7: ints{1: int(d.Gave.Delay), 2: 2, 3: 3, 4: 2}, 8: items{41, 300},
	})
	in = core.Inputs{On: core.OnStop, Now: -5, Budget: core.Budget{Window: 1}, Exit: core.Exit{Kind: core.Stopped, Text: strings.Repeat("w", 300)}}
	d = core.Decision{Inputs: in, Outcome: must(core.Replay(in))}
	add("stop", must(account.Entry(&d)), ints{
		1: "stop", 2: "S1", 3: ints{1: 10, 2: -5, 5: ints{2: 1}, 7: ints{1: 1, 2: strings.Repeat("w", 300)}}, 4: items{"shut_down"}, 6: "shut_down", 7: ints{},
	})
	return
}

// TestM4EntriesAreWhatASecondImplementationEncodes: and what was encoded when the format was frozen.
func TestM4EntriesAreWhatASecondImplementationEncodes(t *testing.T) {
	names, ours, theirs := vectors()
	var lines []string
	for i, name := range names {
		b := must(ours[i].Encode())
		if want := encode(theirs[i]); !bytes.Equal(b, want) {
			t.Errorf("%s:\n ours   %x\n theirs %x", name, b, want)
		}
		back, rest := decode(b)
		if !reflect.DeepEqual(back, theirs[i]) || len(rest) > 0 {
			t.Errorf("%s is read as %v", name, back)
		}
		if e, err := evidence.Decode(b); err != nil || !reflect.DeepEqual(e, ours[i]) {
			t.Errorf("%s is read back as %+v %v", name, e, err)
		}
		lines = append(lines, name+" "+hex.EncodeToString(b))
	}
	file := filepath.Join("testdata", "entries-v1.txt")
	text := strings.Join(lines, "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != text {
		t.Errorf("%s is not what is encoded now: the format of version 1 has changed", file)
	}
}

// TestE4TheFrozenBundleHoldsForEver: testdata/v1.bundle was written with the first version of the format.
func TestE4TheFrozenBundleHoldsForEver(t *testing.T) {
	file := filepath.Join("testdata", "v1.bundle")
	if *rewrite {
		b, _ := bundle(t, story("frozen"), evidence.Selection{Hide: func(i *evidence.Item) bool { return i.Kind == 48 }, Hidden: "kv: the extensions' own"})
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rep, _, err := verify(b, pub(keyOf("frozen")))
	if err != nil || rep.Runs != 1 || rep.Recomputed != rep.Decisions-1 || rep.Redacted == 0 {
		t.Errorf("%v %+v", err, rep)
	}
}

func TestE1AnEntryIsRefusedWhereItIsNone(t *testing.T) {
	_, all, theirs := vectors()
	good := all[1]
	for name, change := range map[string]func(*evidence.Entry){
		"kind":            func(e *evidence.Entry) { e.Kind = "whim" },
		"no rule":         func(e *evidence.Entry) { e.Rule = "" },
		"no inputs":       func(e *evidence.Entry) { e.Inputs = nil },
		"choice":          func(e *evidence.Entry) { e.Choice = "other" },
		"no candidates":   func(e *evidence.Entry) { e.Candidates = nil },
		"many candidates": func(e *evidence.Entry) { e.Candidates = slices.Repeat(e.Candidates, 10) },
		"many links":      func(e *evidence.Entry) { e.Links = make([]uint64, 65) },
		"a long word":     func(e *evidence.Entry) { e.Constraints = []string{strings.Repeat("x", 65)} },
		"an empty word":   func(e *evidence.Entry) { e.Constraints = []string{""} },
		"large":           func(e *evidence.Entry) { e.Outputs = rawOf(make([]byte, evidence.MaxEntry)) },
	} {
		e := good
		change(&e)
		if b, err := e.Encode(); err == nil {
			t.Errorf("%s: %x", name, b)
		}
	}
	b := must(good.Encode())
	for name, bad := range map[string][]byte{
		"nothing": nil, "cut": b[:len(b)-1], "more": append(bytes.Clone(b), 0), "no map": {1}, "an unknown key": encode(ints{1: "restart", 99: 1}),
		"a long form": append([]byte{b[0], 0x18}, b[1:]...), "large": make([]byte, evidence.MaxEntry+1), "an indefinite length": {0xbf, 0xff},
		"a kind that is none": encode(with(theirs[1], 1, "whim")), "a key twice": append([]byte{b[0] + 1}, append(bytes.Clone(b[1:]), encode(8)[0], 0x80)...),
	} {
		if e, err := evidence.Decode(bad); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if got := (&evidence.Entry{Kind: "lease"}).Record() + (&evidence.Entry{Kind: "restart"}).Record() + (&evidence.Entry{}).Record(); got != "grantprotect" {
		t.Error(got)
	}
}

func with(m ints, k int, v any) ints {
	out := ints{}
	for i, x := range m {
		out[i] = x
	}
	out[k] = v
	return out
}

// FuzzDecode: what is taken has one encoding.
func FuzzDecode(f *testing.F) {
	_, all, _ := vectors()
	for _, e := range all {
		f.Add(must(e.Encode()))
	}
	f.Add(must((&evidence.Denials{Path: "a", What: "b", Count: 1}).Encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := evidence.Decode(b); err == nil {
			if again, err := e.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is also %x: %v", b, again, err)
			}
		}
		if d, err := evidence.DecodeDenials(b); err == nil {
			if again, err := d.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is also %x: %v", b, again, err)
			}
		}
	})
}

func TestE3TheRingDropsTheOldestAndCountsIt(t *testing.T) {
	for _, size := range []int{0, 1, 3, 8} {
		r := evidence.NewRing(size)
		size = max(size, 1)
		for i := range 20 {
			if n := r.Add(int64(i), []string{"a", "b"}[i%2], evidence.Entry{Rule: fmt.Sprint(i)}); n != uint64(i+1) {
				t.Fatal(n)
			}
			all := r.Newest("", 100)
			if len(all) != min(size, i+1) || r.Dropped() != uint64(max(0, i+1-size)) {
				t.Fatalf("size %d: after %d there are %d, and %d were dropped", size, i+1, len(all), r.Dropped())
			}
			for k, e := range all {
				if want := i - len(all) + 1 + k; e.N != uint64(want+1) || e.Rule != fmt.Sprint(want) || e.At != int64(want) {
					t.Fatalf("size %d: place %d after %d is %+v", size, k, i+1, e)
				}
			}
		}
		if two := r.Newest("b", 2); size == 8 && (len(two) != 2 || two[1].N != 20 || two[0].N != 18) {
			t.Error(two)
		}
	}
}

// TestE1RepeatedDenialsAreCounted: the first has an entry of its own, those within the window are one count.
func TestE1RepeatedDenialsAreCounted(t *testing.T) {
	g := evidence.NewGatherer(100, 2)
	var done []evidence.Denials
	alone := ""
	deny := func(now int64, path, what string) {
		first, d := g.Denied(now, path, what)
		if first {
			alone += fmt.Sprint(path, what, now, " ")
		}
		done = append(done, d...)
	}
	deny(10, "a", "x")
	deny(20, "a", "x")
	deny(30, "a", "y") // another thing is denied
	deny(90, "a", "x")
	if g.Next() != 110 || len(done) > 0 {
		t.Fatal(g.Next(), done)
	}
	deny(109, "a", "x")
	deny(110, "a", "x") // the window is over: this is a first one
	deny(120, "c", "x") // no room: the window of a, y ends, in which nothing was repeated
	deny(130, "c", "x")
	deny(140, "d", "x") // that of a, x ends early, in which nothing was repeated
	done = append(done, g.Due(219)...)
	if len(g.Due(220)) != 1 {
		t.Error("the window of c ends at 220")
	}
	deny(300, "d", "x")
	deny(301, "d", "x")
	done = append(done, g.Flush(302)...)
	want := []evidence.Denials{{"a", "x", 3, 20, 109, 10, 110}, {"d", "x", 1, 301, 301, 300, 302}}
	if !slices.Equal(done, want) || alone != "ax10 ay30 ax110 cx120 dx140 dx300 " || g.Next() != 0 {
		t.Errorf("%+v, alone: %s, next %d", done, alone, g.Next())
	}
	for _, d := range append(want, evidence.Denials{Path: "p", What: "w", Count: 1}) {
		back, err := evidence.DecodeDenials(must(d.Encode()))
		if err != nil || back != d {
			t.Errorf("%+v %v", back, err)
		}
	}
	for _, d := range []evidence.Denials{{}, {Path: "a", What: "b"}, {"a", "x", 1, 20, 10, 0, 30}, {"a", "x", 1, 20, 30, 21, 30}, {"a", "x", 1, 20, 30, 0, 29}} {
		if _, err := evidence.DecodeDenials(rawOf(&d)); err == nil {
			t.Errorf("%+v is taken", d)
		}
	}
}

// TestE1NoDenialIsLost: whatever comes, each is alone or in a count, and counts do not overlap.
func TestE1NoDenialIsLost(t *testing.T) {
	g := evidence.NewGatherer(50, 3)
	denials, alone, counted := 0, 0, uint64(0)
	until := map[string]int64{}
	take := func(ds []evidence.Denials) {
		for _, d := range ds {
			counted += d.Count
			if d.From < until[d.Path] || d.First < d.From || d.Last > d.Until {
				t.Fatalf("%+v, the last one ended at %d", d, until[d.Path])
			}
			until[d.Path] = d.Until
		}
	}
	for now := range int64(5000) {
		for k := range now % 3 {
			first, ds := g.Denied(now, fmt.Sprint((now*7+k*k)%5), "x")
			if denials++; first {
				alone++
			}
			take(ds)
		}
		take(g.Due(now))
	}
	take(g.Flush(5000))
	if alone+int(counted) != denials || counted == 0 {
		t.Errorf("%d denials: %d alone, %d counted", denials, alone, counted)
	}
}
