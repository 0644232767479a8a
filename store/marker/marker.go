package marker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// The sizes of the format, in bytes.
const (
	Size       = 152       // a marker
	headSize   = 16        // of a frame, before its marker
	Overhead   = 168       // of a frame beside its payload and padding
	MaxPayload = 4 << 20   // of one frame
	HeaderSize = 96        // of a segment
	MaxSegment = 256 << 20 // of a segment file
	// Version is that of the format: in every marker and every header. A reader refuses a newer one.
	Version = 1
)

const magic = "FNM" // and the version

// ID is the identity of a marker: SHA-256 over a domain and its 152 bytes.
type ID [32]byte

// String gives the id in hex.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// Tag is a short name of a path, or a trace: 16 bytes.
type Tag [16]byte

// TagOf is the tag of a path: the first half of its hash. The empty path has the zero tag.
func TagOf(path string) (t Tag) {
	if path != "" {
		h := sha256.New()
		h.Write([]byte("fnode.path.v1\x00"))
		h.Write([]byte(path))
		copy(t[:], h.Sum(nil))
	}
	return t
}

// Marker is one entry of the stream: what happened, without its particulars. Its layout, in order, is its
// canonical form: magic and version 4, kind 2, zero 2, seq 8, epoch 8, time 8, trace 16, region 16, actor 16, prev
// 32, digest 32, length 4, zero 4.
type Marker struct {
	Kind   uint16 // spec.RecordKinds
	Seq    uint64 // dense, from 1
	Epoch  uint64
	Time   int64 // ns since 1970 by the writer's clock, never before the marker ahead of it
	Trace  Tag
	Region Tag    // of its path
	Actor  Tag    // of its path
	Prev   ID     // of the marker before; zero for the first
	Digest ID     // DigestOf the payload
	Length uint32 // of the payload, in bytes, also where the payload was pruned
}

// DigestOf is the hash of a payload: SHA-256 over a domain and its bytes.
func DigestOf(payload []byte) ID {
	var room [512]byte
	b := append(append(room[:0], "fnode.payload.v1\x00"...), payload...)
	return sha256.Sum256(b)
}

// Append appends the canonical 152 bytes.
func (m *Marker) Append(b []byte) []byte {
	b = append(b, magic[0], magic[1], magic[2], Version)
	b = binary.BigEndian.AppendUint16(b, m.Kind)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, m.Epoch)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	b = append(b, m.Trace[:]...)
	b = append(b, m.Region[:]...)
	b = append(b, m.Actor[:]...)
	b = append(b, m.Prev[:]...)
	b = append(b, m.Digest[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Length)
	return append(b, 0, 0, 0, 0)
}

// ID is the marker's identity.
func (m *Marker) ID() ID {
	var room [Size]byte
	return IDOf(m.Append(room[:0]))
}

// IDOf is the identity of a marker given as its 152 bytes.
func IDOf(b []byte) ID {
	const domain = "fnode.marker.v1\x00"
	var room [len(domain) + Size]byte
	copy(room[:], domain)
	copy(room[len(domain):], b)
	return sha256.Sum256(room[:])
}

// Parse reads the canonical 152 bytes. The error is a *Fault.
func Parse(b []byte) (m Marker, err error) {
	err = m.parse(b)
	return m, err
}

func (m *Marker) parse(b []byte) error {
	if len(b) < Size {
		return fault("a marker has %d bytes, here are %d", Size, len(b))
	}
	if string(b[:3]) != magic {
		return fault("no marker begins here")
	}
	if b[3] != Version {
		return &Fault{What: "version", Newer: b[3] > Version, Says: int(b[3])}
	}
	if b[6]|b[7]|b[148]|b[149]|b[150]|b[151] != 0 {
		return fault("bytes that are zero in version %d are not", Version)
	}
	m.Kind = binary.BigEndian.Uint16(b[4:])
	m.Seq = binary.BigEndian.Uint64(b[8:])
	m.Epoch = binary.BigEndian.Uint64(b[16:])
	m.Time = int64(binary.BigEndian.Uint64(b[24:]))
	copy(m.Trace[:], b[32:])
	copy(m.Region[:], b[48:])
	copy(m.Actor[:], b[64:])
	copy(m.Prev[:], b[80:])
	copy(m.Digest[:], b[112:])
	m.Length = binary.BigEndian.Uint32(b[144:])
	if m.Length > MaxPayload {
		return fault("a payload has at most %d bytes, this one says %d", MaxPayload, m.Length)
	}
	return nil
}
