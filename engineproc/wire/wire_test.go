package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// TestVectors checks the golden frames with our decoder and with msgpack/v5, which shares no code with it.
func TestVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "spec", "engine", "vectors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[wire.Type]bool{}
	for _, line := range strings.Split(string(b), "\n") {
		left, right, ok := strings.Cut(line, "|")
		if !ok {
			continue
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(left, " ", ""))
		if err != nil {
			t.Fatal(line, err)
		}
		want := strings.TrimSpace(right)
		f, err := wire.Decode(raw)
		var fault *wire.Fault
		if kind, bad := strings.CutPrefix(want, "malformed"); bad {
			if !errors.As(err, &fault) || fault.Kind != wire.Malformed {
				t.Errorf("%s: %+v %v (%s)", left, f, err, kind)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		seen[f.Type] = true
		if got := second(t, raw); got != want {
			t.Errorf("the second decoder says %s, the vector %s", got, want)
		}
		var out bytes.Buffer
		w := wire.NewWriter(&out, wire.Limits{})
		for range f.ID {
			out.Reset()
			if _, err := w.Send(f); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(out.Bytes()[4:], raw) {
			t.Errorf("%s: encoded again: %x", left, out.Bytes()[4:])
		}
	}
	if len(seen) != 11 {
		t.Errorf("vectors for %d types of 11", len(seen))
	}
}

// second decodes with msgpack/v5 and prints the elements.
func second(t *testing.T, raw []byte) string {
	d := msgpack.NewDecoder(bytes.NewReader(raw))
	n, err := d.DecodeArrayLen()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for range n {
		v, err := d.DecodeInterface()
		if err != nil {
			t.Fatal(err)
		}
		switch v := v.(type) {
		case string:
			out = append(out, strconv.Quote(v))
		case []byte:
			out = append(out, "bin:"+hex.EncodeToString(v))
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	return strings.Join(out, " ")
}

func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func sent(t testing.TB, l wire.Limits, fs ...wire.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w := wire.NewWriter(&b, l)
	for _, f := range fs {
		if _, err := w.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestEveryFaultHasItsKind(t *testing.T) {
	ok := sent(t, wire.Limits{}, wire.Frame{Type: wire.Log, Text: "x"})
	twice := append(bytes.Clone(ok), ok...)
	for name, row := range map[string]struct {
		b    []byte
		kind wire.FaultKind
	}{
		"a length cut off":       {[]byte{0, 0}, wire.Short},
		"a frame cut off":        {ok[:len(ok)-1], wire.Short},
		"a huge length":          {[]byte{0xff, 0xff, 0xff, 0xff}, wire.Oversized},
		"a byte over the bound":  {[]byte{0, 0x10, 0, 1}, wire.Oversized},
		"the bound, cut off":     {[]byte{0, 0x10, 0, 0}, wire.Short},
		"replayed":               {twice, wire.OutOfOrder},
		"out of order":           {framed([]byte{0x95, 9, 5, 0, 1, 0xa0}), wire.OutOfOrder},
		"unknown type":           {framed([]byte{0x92, 77, 1}), wire.UnknownTyp},
		"no array":               {framed([]byte{0xc0}), wire.Malformed},
		"too few elements":       {framed([]byte{0x93, 9, 1, 0}), wire.Malformed},
		"bytes behind the frame": {framed([]byte{0x95, 9, 1, 0, 1, 0xa0, 0}), wire.Malformed},
		"a negative number":      {framed([]byte{0x95, 9, 0xff, 0, 1, 0xa0}), wire.Malformed},
		"a string of 4 GiB":      {framed([]byte{0x95, 9, 1, 0, 1, 0xdb, 0xff, 0xff, 0xff, 0xff}), wire.Oversized},
		"a payload of 4 GiB":     {framed([]byte{0x94, 2, 1, 0, 0xc6, 0xff, 0xff, 0xff, 0xff}), wire.Malformed},
		"an empty chunk":         {framed([]byte{0x94, 10, 1, 0xc3, 0xc4, 0}), wire.BadChunk},
		"a log inside chunks":    {append(framed([]byte{0x94, 10, 1, 0xc2, 0xc4, 1, 'a'}), framed([]byte{0x95, 9, 2, 0, 1, 0xa0})...), wire.BadChunk},
	} {
		r := wire.NewReader(bytes.NewReader(row.b), wire.Limits{})
		var err error
		for err == nil {
			_, err = r.Next()
		}
		var fault *wire.Fault
		if !errors.As(err, &fault) || fault.Kind != row.kind {
			t.Errorf("%s: %v, not %s", name, err, row.kind)
		}
	}
}

func TestAHugeLengthAllocatesNothing(t *testing.T) {
	b := []byte{0x7f, 0xff, 0xff, 0xff}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		_, _ = wire.NewReader(bytes.NewReader(b), wire.Limits{}).Next()
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Fatalf("%d bytes for ten frames of 2 GiB that never came", n)
	}
}

func TestChunksComeTogetherWithinTheirBound(t *testing.T) {
	small := wire.Limits{Frame: 1 << 10, Payload: 64 << 10}
	data := bytes.Repeat([]byte("0123456789"), 5000)
	b := sent(t, small, wire.Frame{Type: wire.Request, Name: wire.Configure, Data: data}, wire.Frame{Type: wire.Cancel, Re: 1})
	r := wire.NewReader(bytes.NewReader(b), small)
	f, err := r.Next()
	if err != nil || !bytes.Equal(f.Data, data) || f.Name != wire.Configure {
		t.Fatal(len(f.Data), err)
	}
	if f, err = r.Next(); err != nil || f.Type != wire.Cancel {
		t.Fatal(f, err)
	}
	if _, err = r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	var fault *wire.Fault
	if _, err := wire.NewWriter(io.Discard, small).Send(wire.Frame{Type: wire.Reply, Data: make([]byte, 65<<10)}); !errors.As(err, &fault) || fault.Kind != wire.Oversized {
		t.Fatal("the sender let it out:", err)
	}
	var out bytes.Buffer
	w := wire.NewWriter(&out, wire.Limits{})
	w.Narrow(small.Frame)
	if _, err := w.Send(wire.Frame{Type: wire.Reply, Re: 1, Data: data}); err != nil {
		t.Fatal(err)
	}
	if f, err := wire.NewReader(&out, small).Next(); err != nil || len(f.Data) != len(data) {
		t.Fatal("a narrowed writer is over the frame:", err)
	}
	tight := wire.Limits{Frame: 1 << 10, Payload: 10 << 10}
	if _, err := wire.NewReader(bytes.NewReader(b), tight).Next(); !errors.As(err, &fault) || fault.Kind != wire.Oversized {
		t.Fatal("the reader took it:", err)
	}
}

func TestAnyFrameComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := wire.Limits{Frame: rapid.IntRange(100_000, 200_000).Draw(t, "frame"), Payload: 1 << 20}
		var fs []wire.Frame
		for range rapid.IntRange(1, 8).Draw(t, "frames") {
			f := wire.Frame{Type: wire.HostCall, Re: rapid.Uint64().Draw(t, "re"), Name: rapid.StringN(0, 20, 60).Draw(t, "name"), Num: rapid.Uint64().Draw(t, "num")}
			f.Data = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")
			if rapid.Bool().Draw(t, "error") {
				f = wire.Frame{Type: wire.Error, Name: f.Name, Text: rapid.StringN(0, 50, 200).Draw(t, "text"), Stack: f.Name, Num: 1}
			}
			fs = append(fs, f)
		}
		var b bytes.Buffer
		w := wire.NewWriter(&b, l)
		for i := range fs {
			id, err := w.Send(fs[i])
			if err != nil {
				t.Fatal(err)
			}
			fs[i].ID = id
		}
		r := wire.NewReader(&b, l)
		for _, want := range fs {
			got, err := r.Next()
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v %+v %v", got, want, err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sent(f, wire.Limits{}, wire.Frame{Type: wire.Error, Name: "throw", Text: "x", Stack: "y"})[4:])
	f.Add([]byte{0x94, 10, 1, 0xc3, 0xc4, 1, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := wire.Decode(b)
		if err != nil {
			return
		}
		if len(fr.Text) > wire.MaxText || len(fr.Name) > wire.MaxName || len(fr.Stack) > wire.MaxStack || len(fr.Data) > len(b) {
			t.Fatalf("over a limit: %+v", fr)
		}
	})
}

func FuzzReader(f *testing.F) {
	small := wire.Limits{Frame: 512, Payload: 2 << 10}
	f.Add(sent(f, small, wire.Frame{Type: wire.Request, Name: "invoke", Data: bytes.Repeat([]byte("x"), 1500)}, wire.Frame{Type: wire.Goodbye, Text: "bye"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(bytes.NewReader(b), small)
		for last := uint64(0); ; {
			fr, err := r.Next()
			if err != nil {
				return
			}
			if fr.ID <= last || len(fr.Data) > small.Payload || fr.Type == wire.Chunk {
				t.Fatalf("%+v after %d", fr, last)
			}
			last = fr.ID
		}
	})
}

func BenchmarkInvokeFrame(b *testing.B) {
	f := wire.Frame{Type: wire.Request, Name: wire.Invoke, Num: 1000, Data: bytes.Repeat([]byte("x"), 200)}
	var out bytes.Buffer
	w := wire.NewWriter(&out, wire.Limits{})
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if _, err := w.Send(f); err != nil {
			b.Fatal(err)
		}
		if _, err := wire.Decode(out.Bytes()[4:]); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheInterfaceHashIsThatOfTheMethods(t *testing.T) {
	h := sha256.Sum256([]byte(fmt.Sprintf("%s/%d", strings.Join(wire.Methods, " "), wire.Version)))
	if got := hex.EncodeToString(h[:8]); got != wire.InterfaceHash {
		t.Fatal("the methods changed: a new version, and the hash", got)
	}
}
