package wire

import (
	"encoding/binary"
	"io"
	"math"
	"unicode/utf8"
)

// Writer writes frames. It numbers them and splits large payloads into chunks.
type Writer struct {
	w      io.Writer
	limits Limits
	last   uint64
	buf    []byte // reused
}

// NewWriter writes to w.
func NewWriter(w io.Writer, l Limits) *Writer { return &Writer{w: w, limits: l.withDefaults()} }

// Narrow lowers the size of a frame to what the other side takes; it never raises it. A size that leaves no
// room for a payload is left out.
func (w *Writer) Narrow(frame int) {
	if frame > 2*room {
		w.limits.Frame = min(w.limits.Frame, frame)
	}
}

// room is how many bytes of a frame are kept for everything but the payload.
const room = 256

// Send writes a frame and returns its id. What the other side would refuse is refused here with a
// *Fault, and nothing is written.
func (w *Writer) Send(f Frame) (id uint64, err error) {
	if err := w.check(f); err != nil {
		return 0, err
	}
	w.buf = w.buf[:0]
	most := w.limits.Frame - room
	if f.Type != Chunk && len(f.Data) > most {
		for rest := f.Data; len(rest) > 0; {
			n := min(len(rest), most)
			w.append(Frame{Type: Chunk, OK: n == len(rest), Data: rest[:n]})
			rest = rest[n:]
		}
		f.Data = nil
	}
	id = w.append(f)
	_, err = w.w.Write(w.buf)
	return id, err
}

func (w *Writer) append(f Frame) uint64 {
	w.last++
	f.ID = w.last
	start := len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0)
	w.buf = appendFrame(w.buf, f)
	binary.BigEndian.PutUint32(w.buf[start:], uint32(len(w.buf)-start-4))
	return f.ID
}

func (w *Writer) check(f Frame) error {
	if layout(f.Type) == nil {
		return fault(UnknownTyp, "%d", f.Type)
	}
	for _, s := range []struct {
		what string
		v    string
		most int
	}{{"name", f.Name, MaxName}, {"text", f.Text, MaxText}, {"stack", f.Stack, MaxStack}} {
		if len(s.v) > s.most {
			return fault(Oversized, "%s of %d bytes, at most %d", s.what, len(s.v), s.most)
		}
		if !utf8.ValidString(s.v) {
			return fault(Malformed, "%s is not UTF-8", s.what)
		}
	}
	if len(f.Data) > w.limits.Payload {
		return fault(Oversized, "payload of %d bytes, at most %d", len(f.Data), w.limits.Payload)
	}
	return nil
}

// appendFrame appends the msgpack array of f, which is within its limits.
func appendFrame(b []byte, f Frame) []byte {
	ls := layout(f.Type)
	b = append(b, 0x90|byte(len(ls)+2)) // fixarray: at most 7 elements
	b = appendUint(b, uint64(f.Type))
	b = appendUint(b, f.ID)
	for _, l := range ls {
		switch l {
		case fRe:
			b = appendUint(b, f.Re)
		case fName:
			b = appendStr(b, f.Name)
		case fNum:
			b = appendUint(b, f.Num)
		case fOK:
			b = append(b, 0xc2|b2u(f.OK))
		case fText:
			b = appendStr(b, f.Text)
		case fStack:
			b = appendStr(b, f.Stack)
		case fData:
			b = appendBin(b, f.Data)
		}
	}
	return b
}

func b2u(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, 0xcc, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
}

func appendStr(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		b = append(b, 0xd9, byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n)) // MaxStack is below 64 KiB
	}
	return append(b, s...)
}

func appendBin(b, v []byte) []byte {
	switch n := len(v); {
	case n <= math.MaxUint8:
		b = append(b, 0xc4, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xc6), uint32(n))
	}
	return append(b, v...)
}
