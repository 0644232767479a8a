package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"hash/crc32"
	iofs "io/fs"
	"path/filepath"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// ledgerKey is the file of the key that signs checkpoints: "FNKEY" zero 2 version 1 | role 16 | ed25519 seed 32 | crc 4
// (rule M3). It is made at the first start, with mode 0600.
const (
	ledgerKey = "ledger.key"
	keyMagic  = "FNKEY\x00\x00"
	keySize   = 60
)

func appendKey(b []byte, role string, key ed25519.PrivateKey) []byte {
	from := len(b)
	b = append(append(b, keyMagic...), marker.Version)
	var r [16]byte
	copy(r[:], role)
	b = append(append(b, r[:]...), key.Seed()...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

func parseKey(b []byte, role string) (ed25519.PrivateKey, error) {
	var r [16]byte
	copy(r[:], role)
	switch {
	case len(b) != keySize || string(b[:7]) != keyMagic:
		return nil, errors.New("it is no key file")
	case crc32.Checksum(b[:56], castagnoli) != binary.BigEndian.Uint32(b[56:]):
		return nil, errors.New("the checksum of the key does not hold")
	case b[7] != marker.Version:
		return nil, &marker.Fault{What: "version", Newer: b[7] > marker.Version, Says: int(b[7])}
	case [16]byte(b[8:24]) != r:
		return nil, errors.New("it is the key of another role")
	}
	return ed25519.NewKeyFromSeed(b[24:56]), nil
}

// key reads the ledger's key, or makes it where the ledger is new.
func (s *Store) key(fresh bool) (ed25519.PrivateKey, error) {
	short := filepath.Join(keysDir, ledgerKey)
	name := filepath.Join(s.opts.Dir, short)
	b, err := readAll(s.opts.FS, name, keySize+1)
	if errors.Is(err, iofs.ErrNotExist) && fresh {
		var seed [32]byte
		if err := s.opts.Random(seed[:]); err != nil {
			return nil, codes.New(codes.StoreUnusable, "no key can be made").Wrap(err)
		}
		key := ed25519.NewKeyFromSeed(seed[:])
		if err := s.opts.FS.MkdirAll(filepath.Dir(name)); err != nil {
			return nil, unwritable(filepath.Dir(name), err)
		}
		if err := fs.Publish(s.opts.FS, name, appendKey(nil, "ledger", key)); err != nil {
			return nil, unwritable(name, err)
		}
		return key, nil
	}
	if err != nil {
		return nil, damaged(short, 0, err)
	}
	key, err := parseKey(b, "ledger")
	if err != nil {
		return nil, damaged(short, 0, err)
	}
	return key, nil
}

// readAll reads a small file whole; a longer one than most is cut.
func readAll(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b := make([]byte, min(size, most))
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, errors.Join(err, f.Close())
	}
	return b, f.Close()
}
