package marker

import (
	"crypto/ed25519"
	"encoding/binary"
	"hash/crc32"
)

// Genesis is the body of a ledger's first marker.
type Genesis struct {
	Store Tag    `cbor:"1,keyasint"`
	Time  int64  `cbor:"2,keyasint"` // ns since 1970
	Role  string `cbor:"3,keyasint"` // of the key
	Key   []byte `cbor:"4,keyasint"` // ed25519 public key that signs checkpoints
}

// Handover is what one key says of the next (rule M3). Signed with the key that goes, for "key", it is the body of a
// marker of the kind "key".
type Handover struct {
	Store Tag    `cbor:"1,keyasint"`
	Time  int64  `cbor:"2,keyasint"` // ns since 1970
	Role  string `cbor:"3,keyasint"` // of both keys
	Key   []byte `cbor:"4,keyasint"` // ed25519 public key that signs from here on
}

// Checkpoint is a statement of a ledger's head: the body of a checkpoint's marker, signed (rule M3).
type Checkpoint struct {
	Store    Tag       `cbor:"1,keyasint"`
	Seq      uint64    `cbor:"2,keyasint"` // the last marker it is about
	Head     ID        `cbor:"3,keyasint"` // that marker's id
	Root     ID        `cbor:"4,keyasint"` // of the range of Seq markers (store/mmr)
	Time     int64     `cbor:"5,keyasint"` // ns since 1970
	Snapshot *Snapshot `cbor:"6,keyasint,omitempty"`
}

// Snapshot names a dump of the state as of a sequence.
type Snapshot struct {
	Seq    uint64 `cbor:"1,keyasint"`
	Digest ID     `cbor:"2,keyasint"` // SHA-256 of the file
	Bytes  int64  `cbor:"3,keyasint"`
}

// Signed is CBOR with the signature of a role's key over a domain and it.
type Signed struct {
	Says []byte `cbor:"1,keyasint"`
	Key  []byte `cbor:"2,keyasint"` // ed25519 public key, 32 bytes
	Sig  []byte `cbor:"3,keyasint"` // 64 bytes
}

// Sign signs v, as CBOR, for what domain names: "checkpoint", "receipt", "key".
func Sign(key ed25519.PrivateKey, domain string, v any) (Signed, error) {
	b, err := Encode(v)
	if err != nil {
		return Signed{}, err
	}
	return Signed{b, key.Public().(ed25519.PublicKey), ed25519.Sign(key, signable(domain, b))}, nil
}

func signable(domain string, b []byte) []byte {
	return append([]byte("fnode."+domain+".v1\x00"), b...)
}

// Open checks the signature and reads what was signed into v. Whether the key is one to trust is the caller's
// question. The error is a *Fault.
func (s *Signed) Open(domain string, v any) error {
	if len(s.Key) != ed25519.PublicKeySize || len(s.Sig) != ed25519.SignatureSize || !ed25519.Verify(s.Key, signable(domain, s.Says), s.Sig) {
		return fault("the signature of this %s does not hold", domain)
	}
	return Decode(s.Says, v)
}

// Witness is what a store says of itself beside the stream (rule D3). Its file is written whole, synced, and renamed
// into place: "FNWIT", zero 2, version 1, length 4, CBOR, crc 4.
type Witness struct {
	Store Tag    `cbor:"1,keyasint"`
	Seq   uint64 `cbor:"2,keyasint"`
	Head  ID     `cbor:"3,keyasint"`
	Root  ID     `cbor:"4,keyasint"`
	Time  int64  `cbor:"5,keyasint"` // of the marker Seq
	// Clean: the store was closed with Seq its last marker and State the digests of Badger's files.
	Clean bool          `cbor:"6,keyasint"`
	State map[string]ID `cbor:"7,keyasint,omitempty"` // SHA-256 by base name
	// Base is the marker before the oldest that is kept; its peaks make the range again.
	Base  uint64    `cbor:"8,keyasint"`
	First ID        `cbor:"9,keyasint"` // id of that marker
	Since int64     `cbor:"10,keyasint"`
	Peaks []ID      `cbor:"11,keyasint,omitempty"`
	Snap  *Snapshot `cbor:"12,keyasint,omitempty"` // the newest that is complete
	// Range are the peaks of the range of Seq markers: with them the range is gone on with before it is made again.
	Range []ID `cbor:"13,keyasint,omitempty"`
}

const (
	witnessMagic = "FNWIT\x00\x00"
	witnessHead  = 12
)

// AppendFile appends the witness's file.
func (w *Witness) AppendFile(b []byte) ([]byte, error) {
	body, err := Encode(w)
	if err != nil {
		return nil, err
	}
	from := len(b)
	b = append(append(b, witnessMagic...), Version)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli)), nil
}

// ParseWitness reads a witness's file. The error is a *Fault.
func ParseWitness(b []byte) (w Witness, err error) {
	switch n := len(b) - witnessHead - 4; {
	case n < 0 || string(b[:7]) != witnessMagic:
		return w, fault("it does not begin as a witness does")
	case crc32.Checksum(b[:len(b)-4], castagnoli) != binary.BigEndian.Uint32(b[len(b)-4:]):
		return w, fault("the checksum of the witness does not hold")
	case b[7] != Version:
		return w, &Fault{What: "version", Newer: b[7] > Version, Says: int(b[7])}
	case int(binary.BigEndian.Uint32(b[8:])) != n:
		return w, fault("a witness of %d bytes says it has %d", n, binary.BigEndian.Uint32(b[8:]))
	}
	return w, Decode(b[witnessHead:len(b)-4], &w)
}
