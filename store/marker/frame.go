package marker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Fault says why bytes are not what they should be. It has no place: whoever reads a file adds it.
type Fault struct {
	What  string // one line
	Newer bool   // the bytes say a version that is newer than this program
	Says  int    // that version
	short bool   // the bytes end before the frame does
}

// Error says what is wrong.
func (f *Fault) Error() string {
	if f.What == "version" {
		return fmt.Sprintf("it is of format version %d, this program reads version %d", f.Says, Version)
	}
	return f.What
}

func fault(format string, args ...any) *Fault { return &Fault{What: fmt.Sprintf(format, args...)} }

// Frame is a marker with its payload.
type Frame struct {
	Marker
	Synced  uint64 // the sequence that was durable when this frame was written
	Payload []byte // aliases the bytes it was parsed from; nil where it was pruned
	Pruned  bool
	Bytes   int // the frame's, with padding
}

// FrameSize is the size of a frame with a payload of n bytes.
func FrameSize(n int) int { return (Overhead + n + 7) &^ 7 }

// Seed begins the checksums of one ledger's frames. It follows from the ledger's identity, which untrusted code never
// sees: a payload cannot pretend to be a frame.
type Seed uint32

// AppendFrame appends m's frame. m.Digest and m.Length are those of payload; a nil payload with a length that is
// not zero is a pruned one.
func AppendFrame(b []byte, s Seed, m *Marker, synced uint64, payload []byte) []byte {
	from := len(b)
	n := FrameSize(len(payload))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint64(b, synced)
	b = append(m.Append(b), payload...)
	for len(b) < from+n {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint32(b[from:], crc32.Update(uint32(s), castagnoli, b[from+4:]))
	return b
}

// FrameBytes is how many bytes the frame at the beginning of b says it has; b has Overhead bytes at least.
func FrameBytes(b []byte) int { return int(binary.BigEndian.Uint32(b[4:])) }

// FrameID is the id of the marker of the frame at the beginning of b, which is known to be whole.
func FrameID(b []byte) ID { return IDOf(b[headSize:Overhead]) }

// ParseFrame reads the frame at the beginning of b. It checks lengths, checksum, padding and layout, not the chain
// and not the payload's digest (Frame.Whole). The error is a *Fault.
func ParseFrame(b []byte, s Seed) (f Frame, err error) {
	err = f.parse(b, s)
	return f, err
}

// parse reads into f, every field of it.
func (f *Frame) parse(b []byte, s Seed) error {
	if len(b) < Overhead {
		return &Fault{What: fmt.Sprintf("a frame has at least %d bytes, here are %d", Overhead, len(b)), short: true}
	}
	n := int(binary.BigEndian.Uint32(b[4:]))
	switch {
	case n < Overhead || n > FrameSize(MaxPayload) || n%8 != 0:
		return fault("a frame cannot have %d bytes", n)
	case n > len(b):
		return &Fault{What: fmt.Sprintf("a frame of %d bytes, of which %d are here", n, len(b)), short: true}
	case string(b[headSize:headSize+3]) != magic:
		return fault("no frame begins here")
	case binary.BigEndian.Uint32(b) != crc32.Update(uint32(s), castagnoli, b[4:n]):
		return fault("the checksum of a frame of %d bytes does not hold", n)
	}
	f.Synced, f.Bytes, f.Payload, f.Pruned = binary.BigEndian.Uint64(b[8:]), n, nil, false
	if err := f.Marker.parse(b[headSize:]); err != nil {
		return err
	}
	switch length := int(f.Length); {
	case FrameSize(length) == n:
		f.Payload = b[Overhead : Overhead+length : Overhead+length]
		for _, c := range b[Overhead+length : n] {
			if c != 0 {
				return fault("the padding of a frame is not zero")
			}
		}
	case n == Overhead:
		f.Pruned = true
	default:
		return fault("a frame of %d bytes with a payload of %d", n, length)
	}
	if f.Synced >= f.Seq {
		return fault("frame %d says that %d was durable when it was written", f.Seq, f.Synced)
	}
	return nil
}

// Whole says whether the payload is the one that the marker states. A pruned one cannot be checked and is whole.
func (f *Frame) Whole() bool { return f.Pruned || DigestOf(f.Payload) == f.Digest }
