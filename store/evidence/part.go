package evidence

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Version is that of the format of bundles. A reader refuses a newer one.
const Version = 1

const (
	bundleMagic = "FNBUN\x00\x00"
	bundleHead  = 8  // magic and version
	partHead    = 12 // of a part, before its body
	mostSmall   = 1 << 20
	mostBody    = 1 + marker.Size + marker.MaxPayload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partKind says what a part is.
type partKind uint8

const (
	manifestPart partKind = iota + 1
	genesisPart
	keyPart
	checkpointPart
	markerPart
	proofPart
	endPart
)

var partNames = [...]string{"", "manifest", "genesis", "key", "checkpoint", "marker", "proof", "end"}

// String gives the kind in words.
func (k partKind) String() string {
	if int(k) < len(partNames) && k > 0 {
		return partNames[k]
	}
	return fmt.Sprintf("part of kind %d", uint8(k))
}

// isMarker says whether the body is a marker's.
func (k partKind) isMarker() bool {
	return k == genesisPart || k == keyPart || k == checkpointPart || k == markerPart
}

// most is the size of the largest body.
func (k partKind) most() int {
	if k.isMarker() {
		return mostBody
	}
	return mostSmall
}

// How a payload is shown.
const (
	here uint8 = iota
	pruned
	redacted
)

// Manifest says what a bundle is of, in its exporter's words: nobody signs it.
type Manifest struct {
	Store  marker.Tag `cbor:"1,keyasint" json:"-"`
	Words  string     `cbor:"2,keyasint" json:"selection"`                  // what was selected
	First  uint64     `cbor:"3,keyasint" json:"first"`                      // of the sequences that were looked at
	Last   uint64     `cbor:"4,keyasint" json:"last"`                       // of them
	Whole  bool       `cbor:"5,keyasint" json:"whole"`                      // every marker of First to Last is in it
	Hidden string     `cbor:"6,keyasint,omitempty" json:"hidden,omitempty"` // which payloads are redacted, and why
	By     string     `cbor:"7,keyasint,omitempty" json:"by,omitempty"`     // who asked for it
	At     int64      `cbor:"8,keyasint" json:"at"`                         // ns since 1970, when it was written
}

// End is the last part: what was written before it.
type End struct {
	Markers  uint64 `cbor:"1,keyasint"` // in runs
	Runs     uint64 `cbor:"2,keyasint"`
	Redacted uint64 `cbor:"3,keyasint"`
	Pruned   uint64 `cbor:"4,keyasint"`
	Beyond   uint64 `cbor:"5,keyasint"` // markers that were asked for, and that no checkpoint covers yet
}

// appendPart appends a part.
func appendPart(b []byte, k partKind, body ...[]byte) []byte {
	from, n := len(b), 0
	for _, p := range body {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(b, byte(k), 0, 0, 0)
	sum := crc32.Checksum(b[from:], castagnoli)
	for _, p := range body {
		sum = crc32.Update(sum, castagnoli, p)
	}
	b = binary.BigEndian.AppendUint32(b, sum)
	for _, p := range body {
		b = append(b, p...)
	}
	return b
}

// part is one that was read.
type part struct {
	kind partKind
	at   int64 // offset of its first byte
	body []byte
}

// parts reads parts, one at a time: the body is valid until the next.
type parter struct {
	r    io.Reader
	at   int64 // offset of what comes next
	room []byte
}

// head reads the bundle's. The error is *notABundle, or the reader's.
func (p *parter) head() (version int, ok bool, err error) {
	var b [bundleHead]byte
	n, err := io.ReadFull(p.r, b[:])
	p.at = int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return 0, false, nil
	}
	return int(b[7]), string(b[:7]) == bundleMagic && b[7] > 0, err
}

// next reads a part. bad is why its bytes are none, nil where they are or where err is the reader's. At the end of the
// bytes err is io.EOF.
func (p *parter) next() (t part, bad, err error) {
	t.at = p.at
	var h [partHead]byte
	n, err := io.ReadFull(p.r, h[:])
	p.at += int64(n)
	switch {
	case err == io.ErrUnexpectedEOF:
		return t, fmt.Errorf("the bundle is cut off within the head of a part"), nil
	case err != nil:
		return t, nil, err
	}
	t.kind = partKind(h[4])
	size := int64(binary.BigEndian.Uint32(h[:]))
	switch {
	case t.kind == 0 || t.kind > endPart || h[5]|h[6]|h[7] != 0:
		return t, fmt.Errorf("no part begins here"), nil
	case size > int64(t.kind.most()):
		return t, fmt.Errorf("a %s has at most %d bytes, this one says %d", t.kind, t.kind.most(), size), nil
	}
	if int64(cap(p.room)) < size {
		p.room = make([]byte, size)
	}
	t.body = p.room[:size]
	n, err = io.ReadFull(p.r, t.body)
	p.at += int64(n)
	switch {
	case err == io.ErrUnexpectedEOF || err == io.EOF && size > 0:
		return t, fmt.Errorf("the bundle is cut off within a %s of %d bytes", t.kind, size), nil
	case err != nil && err != io.EOF:
		return t, nil, err
	}
	if sum := crc32.Update(crc32.Checksum(h[:8], castagnoli), castagnoli, t.body); sum != binary.BigEndian.Uint32(h[8:]) {
		return t, fmt.Errorf("the checksum of a %s of %d bytes does not hold", t.kind, size), nil
	}
	return t, nil, nil
}
