package mmr

import (
	"encoding/binary"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const (
	version = 1
	header  = 1 + 1 + 8 + 8 // version, kind, Of and Leaves big-endian; the hashes follow
)

// Encode is the proof in bytes: 18 and 32 for each hash. A proof has one encoding.
func (p Proof) Encode() []byte {
	b := make([]byte, 0, header+32*len(p.Hashes))
	b = append(b, version, byte(p.Kind))
	b = binary.BigEndian.AppendUint64(b, p.Of)
	b = binary.BigEndian.AppendUint64(b, p.Leaves)
	for i := range p.Hashes {
		b = append(b, p.Hashes[i][:]...)
	}
	return b
}

// Decode reads an encoded proof of hostile origin and keeps nothing of b. It takes exactly the bytes that Encode gives
// for a proof with the right number of hashes, at most 2,034, and allocates nothing before it knows that they are there;
// the error is codes.ProofInvalid. That a proof can be read says nothing of whether it holds.
func Decode(b []byte) (Proof, error) {
	if len(b) < header {
		return Proof{}, codes.New(codes.ProofInvalid, "an encoded proof has at least %d bytes, got %d", header, len(b))
	}
	if b[0] != version {
		return Proof{}, codes.New(codes.ProofInvalid, "the encoding of a proof has version %d here, got %d", version, b[0])
	}
	p := Proof{Kind: Kind(b[1]), Of: binary.BigEndian.Uint64(b[2:]), Leaves: binary.BigEndian.Uint64(b[10:])}
	c, err := p.climb()
	if err != nil {
		return Proof{}, err
	}
	if want := header + 32*c.hashes; len(b) != want {
		return Proof{}, codes.New(codes.ProofInvalid, "the proof takes %d bytes, got %d", want, len(b))
	}
	p.Hashes = make([]Hash, c.hashes)
	for i := range p.Hashes {
		p.Hashes[i] = Hash(b[header+32*i:])
	}
	return p, nil
}
