package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// Reader reads frames and puts chunks together.
type Reader struct {
	r      *bufio.Reader
	limits Limits
	last   uint64
	buf    []byte // reused
	parts  []byte // chunks so far
	open   bool   // chunks came and the last has not
	whole  bool   // the last chunk came: the next frame takes parts
}

// NewReader reads from r.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 16<<10), limits: l.withDefaults()}
}

// Next reads the next frame other than a chunk. It returns io.EOF where the pipe ends between frames and
// a *Fault where the other side breaks the protocol. The frame's Data belongs to the caller.
func (r *Reader) Next() (Frame, error) {
	for {
		f, err := r.frame()
		if err != nil {
			return Frame{}, err
		}
		if f.Type != Chunk {
			return r.complete(f)
		}
		if r.whole || len(f.Data) == 0 {
			return Frame{}, fault(BadChunk, "a chunk after the last one, or an empty one")
		}
		if len(r.parts)+len(f.Data) > r.limits.Payload {
			return Frame{}, fault(Oversized, "chunks of more than %d bytes", r.limits.Payload)
		}
		r.parts = append(r.parts, f.Data...)
		r.open, r.whole = !f.OK, f.OK
	}
}

// complete gives the chunks to the frame that follows them.
func (r *Reader) complete(f Frame) (Frame, error) {
	if !r.open && !r.whole {
		return f, nil
	}
	if r.open || len(f.Data) > 0 || !carries(f.Type) {
		return Frame{}, fault(BadChunk, "a %s inside or beside chunks", f.Type)
	}
	f.Data, r.parts, r.whole = r.parts, nil, false
	return f, nil
}

func carries(t Type) bool {
	ls := layout(t)
	return ls[len(ls)-1] == fData
}

// frame reads one frame of any type.
func (r *Reader) frame() (Frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return Frame{}, fault(Short, "the pipe ended inside a length")
		}
		return Frame{}, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > r.limits.Frame {
		return Frame{}, fault(Oversized, "a frame of %d bytes, at most %d", n, r.limits.Frame)
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n, max(n, 512))
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return Frame{}, fault(Short, "the pipe ended inside a frame")
	}
	f, err := Decode(r.buf)
	if err != nil {
		return Frame{}, err
	}
	if f.ID != r.last+1 {
		return Frame{}, fault(OutOfOrder, "frame %d after %d", f.ID, r.last)
	}
	r.last = f.ID
	return f, nil
}

// Decode parses the msgpack array of one frame. Every byte has to be used. The frame shares no memory
// with b.
func Decode(b []byte) (Frame, error) {
	d := decoder{b: b}
	n := d.array()
	f := Frame{Type: Type(min(d.uint(), 255))}
	ls := layout(f.Type)
	if d.fault == nil && ls == nil {
		return Frame{}, fault(UnknownTyp, "%d", f.Type)
	}
	if d.fault == nil && n != len(ls)+2 {
		return Frame{}, fault(Malformed, "a %s of %d elements, not %d", f.Type, n, len(ls)+2)
	}
	f.ID = d.uint()
	for _, l := range ls {
		d.field(&f, l)
	}
	if d.fault == nil && len(d.b) > 0 {
		d.fail(Malformed, "%d bytes after the frame", len(d.b))
	}
	if d.fault != nil {
		return Frame{}, d.fault
	}
	return f, nil
}

// decoder takes values off b; after the first fault it gives zeros.
type decoder struct {
	b     []byte
	fault *Fault
}

func (d *decoder) fail(k FaultKind, format string, args ...any) {
	if d.fault == nil {
		d.fault = fault(k, format, args...)
	}
	d.b = nil
}

func (d *decoder) field(f *Frame, l field) {
	switch l {
	case fRe:
		f.Re = d.uint()
	case fName:
		f.Name = d.str(MaxName)
	case fNum:
		f.Num = d.uint()
	case fOK:
		f.OK = d.bool()
	case fText:
		f.Text = d.str(MaxText)
	case fStack:
		f.Stack = d.str(MaxStack)
	case fData:
		f.Data = d.bin()
	}
}

// take removes n bytes.
func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail(Malformed, "a value of %d bytes where %d are left", n, len(d.b))
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	v := d.take(1)
	if v == nil {
		return 0
	}
	return v[0]
}

// be reads n bytes, big endian.
func (d *decoder) be(n int) (v uint64) {
	for _, b := range d.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (d *decoder) array() int {
	c := d.byte()
	if d.fault == nil && c&0xf0 != 0x90 {
		d.fail(Malformed, "a frame is an array of at most 15 elements, got 0x%02x", c)
	}
	return int(c & 0x0f)
}

func (d *decoder) uint() uint64 {
	c := d.byte()
	switch {
	case c < 0x80:
		return uint64(c)
	case c >= 0xcc && c <= 0xcf:
		return d.be(1 << (c - 0xcc))
	}
	d.fail(Malformed, "an unsigned integer is expected, got 0x%02x", c)
	return 0
}

func (d *decoder) bool() bool {
	c := d.byte()
	if d.fault == nil && c != 0xc2 && c != 0xc3 {
		d.fail(Malformed, "a boolean is expected, got 0x%02x", c)
	}
	return c == 0xc3
}

func (d *decoder) str(most int) string {
	c, n := d.byte(), 0
	switch {
	case c&0xe0 == 0xa0:
		n = int(c & 0x1f)
	case c >= 0xd9 && c <= 0xdb:
		n = int(d.be(1 << (c - 0xd9)))
	default:
		d.fail(Malformed, "a string is expected, got 0x%02x", c)
	}
	if n > most {
		d.fail(Oversized, "a string of %d bytes, at most %d", n, most)
		return ""
	}
	v := d.take(n)
	if !utf8.Valid(v) {
		d.fail(Malformed, "a string is not UTF-8")
		return ""
	}
	return string(v)
}

func (d *decoder) bin() []byte {
	c := d.byte()
	if c < 0xc4 || c > 0xc6 {
		d.fail(Malformed, "a payload is expected, got 0x%02x", c)
		return nil
	}
	v := d.take(int(d.be(1 << (c - 0xc4))))
	if len(v) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(v)), v...)
}
