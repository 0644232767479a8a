package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// A snapshot's file is the state as of one sequence, in the order of its keys (rule D2):
//
//	"FNSNP" zero 2 version 1 | store 16 | seq 8 | head 32 | zero 4 | crc 4
//	blocks: length 4 | crc 4 | pairs, each: key length uvarint, key, value length uvarint, value
//	zero 4 | crc 4 | count 8 | SHA-256 of all before 32
//
// A pair is within one block.
const (
	snapMagic = "FNSNP\x00\x00"
	snapHead  = 72
	snapTail  = 48
	snapBlock = 256 << 10                                    // bytes at which a block is ended
	snapMost  = snapBlock + core.MaxKey + core.MaxValue + 20 // bytes of a block
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func snapName(seq uint64) string { return fmt.Sprintf("%016x.snap", seq) }

func snapSeq(name string) (seq uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, ".snap")
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(hex, 16, 64)
	return seq, err == nil && snapName(seq) == name
}

// dump writes a snapshot of what t sees.
func dump(fsys fs.FS, dir string, id marker.Tag, at marker.Place, t *badger.Txn) (sn marker.Snapshot, err error) {
	defer caught(&err)
	name := filepath.Join(dir, snapName(at.Seq))
	temp := fs.Temp(name)
	f, err := fsys.Create(temp)
	if err != nil {
		return sn, err
	}
	w := &snapWriter{file: f, hash: sha256.New()}
	w.head(id, at)
	o := badger.DefaultIteratorOptions
	it := t.NewIterator(o)
	for it.Rewind(); it.Valid() && w.err == nil; it.Next() {
		if k := it.Item().Key(); k[0] != 0 { // keys of our own begin with a zero byte
			w.fail(it.Item().Value(func(v []byte) error { w.pair(k, v); return nil }))
		}
	}
	it.Close()
	w.end()
	if w.err == nil {
		w.err = f.Sync()
	}
	err = errors.Join(w.err, f.Close())
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return sn, errors.Join(err, fsys.Remove(temp))
	}
	return marker.Snapshot{Seq: at.Seq, Digest: w.digest, Bytes: w.off}, nil
}

type snapWriter struct {
	file   fs.File
	hash   hash.Hash
	off    int64
	block  []byte
	count  uint64
	digest marker.ID
	err    error
}

func (w *snapWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *snapWriter) write(b []byte) {
	if w.err == nil {
		w.hash.Write(b)
		_, w.err = w.file.WriteAt(b, w.off)
		w.off += int64(len(b))
	}
}

func (w *snapWriter) head(id marker.Tag, at marker.Place) {
	b := append([]byte(snapMagic), marker.Version)
	b = binary.BigEndian.AppendUint64(append(b, id[:]...), at.Seq)
	b = append(append(b, at.ID[:]...), 0, 0, 0, 0)
	w.write(binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)))
}

func (w *snapWriter) pair(k, v []byte) {
	if w.block == nil {
		w.block = make([]byte, 8, snapBlock+4096)
	}
	w.block = append(binary.AppendUvarint(w.block, uint64(len(k))), k...)
	w.block = append(binary.AppendUvarint(w.block, uint64(len(v))), v...)
	w.count++
	if len(w.block) >= snapBlock {
		w.flush()
	}
}

func (w *snapWriter) flush() {
	if len(w.block) > 8 {
		binary.BigEndian.PutUint32(w.block, uint32(len(w.block)-8))
		binary.BigEndian.PutUint32(w.block[4:], crc32.Checksum(w.block[8:], castagnoli))
		w.write(w.block)
		w.block = w.block[:8]
	}
}

func (w *snapWriter) end() {
	w.flush()
	n := binary.BigEndian.AppendUint64(nil, w.count)
	b := binary.BigEndian.AppendUint32(make([]byte, 4), crc32.Checksum(n, castagnoli))
	w.write(append(b, n...))
	w.hash.Sum(w.digest[:0])
	w.write(w.digest[:])
}

// load reads a snapshot, checks every byte, and hands its pairs to f, in order; they alias a buffer. at is what its
// header has to say. The error names the file and the offset.
func load(fsys fs.FS, dir string, id marker.Tag, at marker.Place, f func(k, v []byte) error) error {
	short := filepath.Join(snapsDir, snapName(at.Seq))
	file, err := fsys.Open(filepath.Join(dir, snapName(at.Seq)))
	if err != nil {
		return damaged(short, 0, err)
	}
	r := &snapReader{file: file, hash: sha256.New()}
	err = r.all(id, at, f)
	if err != nil {
		err = damaged(short, int(min(r.off, math.MaxInt32)), err)
	}
	return errors.Join(err, file.Close())
}

type snapReader struct {
	file fs.File
	hash hash.Hash
	off  int64 // of what is read, which an error is about
	buf  []byte
}

// next reads n bytes; they are counted by took.
func (r *snapReader) next(n int) ([]byte, error) {
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	b := r.buf[:n]
	if got, err := r.file.ReadAt(b, r.off); got < n {
		return nil, fmt.Errorf("%d bytes belong here, %d are there: %w", n, got, err)
	}
	return b, nil
}

func (r *snapReader) took(b []byte) {
	r.hash.Write(b)
	r.off += int64(len(b))
}

func (r *snapReader) all(id marker.Tag, at marker.Place, f func(k, v []byte) error) error {
	b, err := r.next(snapHead)
	if err != nil {
		return err
	}
	switch {
	case string(b[:7]) != snapMagic:
		return errors.New("it does not begin as a snapshot does")
	case crc32.Checksum(b[:68], castagnoli) != binary.BigEndian.Uint32(b[68:]):
		return errors.New("the checksum of the header does not hold")
	case b[7] != marker.Version:
		return &marker.Fault{What: "version", Newer: b[7] > marker.Version, Says: int(b[7])}
	case marker.Tag(b[8:24]) != id || binary.BigEndian.Uint64(b[24:]) != at.Seq || marker.ID(b[32:64]) != at.ID:
		return fmt.Errorf("it is not the snapshot of marker %d of this ledger", at.Seq)
	}
	r.took(b)
	for count := uint64(0); ; {
		b, err := r.next(8)
		if err != nil {
			return err
		}
		n, sum := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		if n == 0 {
			return r.end(count)
		}
		if n > snapMost {
			return fmt.Errorf("a block has at most %d bytes, this one says %d", snapMost, n)
		}
		if b, err = r.next(8 + n); err != nil {
			return err
		}
		if crc32.Checksum(b[8:], castagnoli) != sum {
			return fmt.Errorf("the checksum of a block of %d bytes does not hold", n)
		}
		if err := pairs(b[8:], &count, f); err != nil {
			return err
		}
		r.took(b)
	}
}

// pairs hands the pairs of a block to f.
func pairs(b []byte, count *uint64, f func(k, v []byte) error) error {
	part := func(most int) ([]byte, error) {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(most) || n > uint64(len(b)-w) {
			return nil, errors.New("a pair does not fit its block")
		}
		p := b[w : w+int(n)]
		b = b[w+int(n):]
		return p, nil
	}
	for len(b) > 0 {
		k, err := part(core.MaxKey)
		if err != nil {
			return err
		}
		v, err := part(core.MaxValue)
		if err != nil {
			return err
		}
		if *count++; len(k) == 0 {
			return errors.New("a pair without a key")
		}
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *snapReader) end(count uint64) error {
	b, err := r.next(snapTail)
	if err != nil {
		return err
	}
	if crc32.Checksum(b[8:16], castagnoli) != binary.BigEndian.Uint32(b[4:]) || binary.BigEndian.Uint64(b[8:]) != count {
		return fmt.Errorf("it has %d pairs, and says something else", count)
	}
	r.took(b[:16])
	var sum marker.ID
	if r.hash.Sum(sum[:0]); sum != marker.ID(b[16:48]) {
		return errors.New("its digest does not hold")
	}
	r.off += 32
	if size, err := r.file.Size(); err != nil || size != r.off {
		return fmt.Errorf("bytes stand behind its end: %v", err)
	}
	return nil
}
