package marker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Header begins a segment file. It is written and synced before the first frame of its segment, and all frames of
// the segment before it were durable then. Layout: "FNSEG", zero 2, version 1, store 16, first 8, prev 32, time 8,
// zero 20, crc 4.
type Header struct {
	Store Tag    // the ledger's identity
	First uint64 // the sequence of its first frame
	Prev  ID     // of the marker before that
	Time  int64  // of the marker before that
}

const headerMagic = "FNSEG\x00\x00"

// Seed is that of the frames of this ledger.
func (h *Header) Seed() Seed { return Seed(crc32.Checksum(h.Store[:], castagnoli)) }

// Append appends the 96 bytes of the header.
func (h *Header) Append(b []byte) []byte {
	from := len(b)
	b = append(append(b, headerMagic...), Version)
	b = append(b, h.Store[:]...)
	b = binary.BigEndian.AppendUint64(b, h.First)
	b = append(b, h.Prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = append(b, make([]byte, 20)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// ParseHeader reads a segment's header. The error is a *Fault.
func ParseHeader(b []byte) (h Header, err error) {
	switch {
	case len(b) < HeaderSize:
		return h, &Fault{What: fmt.Sprintf("a segment begins with %d bytes, here are %d", HeaderSize, len(b)), short: true}
	case string(b[:7]) != headerMagic:
		return h, fault("it does not begin as a segment does")
	case binary.BigEndian.Uint32(b[92:]) != crc32.Checksum(b[:92], castagnoli):
		return h, fault("the checksum of the header does not hold")
	case b[7] != Version:
		return h, &Fault{What: "version", Newer: b[7] > Version, Says: int(b[7])}
	}
	for _, c := range b[72:92] {
		if c != 0 {
			return h, fault("bytes of the header that are zero in version %d are not", Version)
		}
	}
	copy(h.Store[:], b[8:])
	h.First = binary.BigEndian.Uint64(b[24:])
	copy(h.Prev[:], b[32:])
	h.Time = int64(binary.BigEndian.Uint64(b[64:]))
	if h.First == 0 {
		return h, fault("sequences begin with 1")
	}
	return h, nil
}

// Name is the file name of the segment whose first frame is first.
func Name(first uint64) string { return fmt.Sprintf("%016x.seg", first) }

// FirstOf reads a segment's file name back.
func FirstOf(name string) (first uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, ".seg")
	if !ok || len(hex) != 16 {
		return 0, false
	}
	first, err := strconv.ParseUint(hex, 16, 64)
	return first, err == nil && first > 0 && Name(first) == name
}
