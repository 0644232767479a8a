package marker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

func chain(h Header, n int, synced func(i int) uint64) []byte {
	b, p := h.Append(nil), h.After()
	for i := range n {
		payload := bytes.Repeat([]byte{byte('a' + i)}, 3*i)
		m := Marker{Kind: 65535, Seq: p.Seq + 1, Time: int64(i), Prev: p.ID, Digest: DigestOf(payload), Length: uint32(len(payload))}
		b = AppendFrame(b, h.Seed(), &m, synced(i), payload)
		p = Place{m.Seq, m.ID(), m.Time}
	}
	return b
}

var testHeader = Header{Store: Tag{1, 2, 3}, First: 1}

func walked(t *testing.T, b []byte) (offs []int, tail Tail) {
	t.Helper()
	h, err := ParseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	_, tail, err = Walk(b, h, func(off int, fr *Frame, id ID) error {
		if id != fr.Marker.ID() {
			t.Fatal("another id")
		}
		offs = append(offs, off)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return offs, tail
}

// TestD5WhatNoLaterFrameTestifiesForIsATornTail: ten frames, synced by twos; each frame is damaged in turn.
func TestD5WhatNoLaterFrameTestifiesForIsATornTail(t *testing.T) {
	twos := func(i int) uint64 { return uint64(i / 2 * 2) }
	whole := chain(testHeader, 10, twos)
	offs, tail := walked(t, append(bytes.Clone(whole), make([]byte, 100)...))
	if len(offs) != 10 || !tail.Zero {
		t.Fatalf("%d frames, %+v", len(offs), tail)
	}
	for i, off := range offs {
		for _, hole := range []int{1, 16, 40, 160} {
			b := bytes.Clone(whole)
			b[off+hole] ^= 4
			got, tail := walked(t, b)
			last := i/2*2 == 8 // nothing testifies for the last group
			if len(got) != i || tail.Zero || tail.At != off || tail.Damage == last || tail.Bad == nil {
				t.Errorf("frame %d at %d: %d read, %+v", i+1, off+hole, len(got), tail)
			}
			if want := map[int]int{8: 1, 9: 0}[i]; last && tail.Cut != want {
				t.Errorf("frame %d: %d whole frames behind it are cut, want %d", i+1, tail.Cut, want)
			}
		}
		_, tail := walked(t, whole[:off+20])
		if tail.Damage || tail.Cut != 0 || tail.At != off {
			t.Errorf("an end within frame %d: %+v", i+1, tail)
		}
	}
}

// TestD5APayloadCannotTestify: a frame within a payload is none, also where the frame around it is torn.
func TestD5APayloadCannotTestify(t *testing.T) {
	other := Header{Store: Tag{9}, First: 1}
	inner := chain(other, 3, func(int) uint64 { return 0 })[HeaderSize:]
	for at := 0; at+Overhead < len(inner); at += 8 {
		if string(inner[at+16:at+19]) == magic {
			inner[at+15] = 9 // as if it testified, and summed as its own ledger would
			n := int(binary.BigEndian.Uint32(inner[at+4:]))
			inner[at+16+15] = 20 // its sequence
			resum(inner[at:at+n], other.Seed())
		}
	}
	var payload []byte
	payload = append(payload, inner...)
	p := testHeader.After()
	m := Marker{Kind: 65535, Seq: 1, Prev: p.ID, Digest: DigestOf(payload), Length: uint32(len(payload))}
	b := AppendFrame(testHeader.Append(nil), testHeader.Seed(), &m, 0, payload)
	b[HeaderSize+1] ^= 1
	if _, tail := walked(t, b); tail.Damage || tail.Cut != 0 {
		t.Errorf("%+v", tail)
	}
}

// TestD5LookingBehindABadFrameIsBounded: bytes made so that every place looks like a long frame.
func TestD5LookingBehindABadFrameIsBounded(t *testing.T) {
	b := testHeader.Append(nil)
	for len(b) < 2<<20 {
		b = append(b, 1, 2, 3, 4, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'F', 'N', 'M', 1, 0, 0, 0, 0)
	}
	if _, tail := walked(t, b); !tail.Damage {
		t.Errorf("%+v", tail)
	}
}

// TestD5ANewerVersionIsNeverCut: a frame of a newer program is not ours to cut.
func TestD5ANewerVersionIsNeverCut(t *testing.T) {
	b := testHeader.Append(nil)
	m := Marker{Kind: 1, Seq: 1, Digest: DigestOf(nil)}
	f := AppendFrame(nil, 0, &m, 0, nil)
	f[headSize+3] = Version + 1
	resum(f, testHeader.Seed())
	_, tail := walked(t, append(b, f...))
	var flt *Fault
	if !tail.Damage || !errors.As(tail.Bad, &flt) || !flt.Newer {
		t.Errorf("%+v", tail)
	}
}

func TestM1APrunedPayloadKeepsTheChain(t *testing.T) {
	payload := []byte("gone")
	m := Marker{Kind: 49, Seq: 1, Digest: DigestOf(payload), Length: 4}
	b := AppendFrame(testHeader.Append(nil), testHeader.Seed(), &m, 0, nil)
	n := Marker{Kind: 49, Seq: 2, Prev: m.ID(), Digest: DigestOf(payload), Length: 4}
	b = AppendFrame(b, testHeader.Seed(), &n, 1, payload)
	if offs, tail := walked(t, b); len(offs) != 2 || !tail.Zero {
		t.Errorf("%d, %+v", len(offs), tail)
	}
	fr, err := ParseFrame(b[HeaderSize:], testHeader.Seed())
	if err != nil || !fr.Pruned || fr.Payload != nil || fr.Length != 4 {
		t.Errorf("%+v %v", fr, err)
	}
}

func TestM1NamesOfSegmentsSortBySequence(t *testing.T) {
	for _, n := range []uint64{1, 255, 1 << 40, 1<<64 - 1} {
		if got, ok := FirstOf(Name(n)); !ok || got != n {
			t.Errorf("%s reads as %d %v", Name(n), got, ok)
		}
	}
	for _, bad := range []string{"", ".seg", "0000000000000000.seg", "000000000000000A.seg", "1.seg", "0000000000000001.sega", "+000000000000001.seg"} {
		if _, ok := FirstOf(bad); ok {
			t.Errorf("%q is read as a segment", bad)
		}
	}
}

func resum(f []byte, s Seed) {
	binary.BigEndian.PutUint32(f, crc32.Update(uint32(s), castagnoli, f[4:]))
}

// FuzzWalk: whatever the bytes, a walk ends, reads only chained frames, and its tail is within the bytes.
func FuzzWalk(f *testing.F) {
	f.Add(chain(testHeader, 4, func(i int) uint64 { return uint64(i) }), uint16(0), uint16(0))
	f.Add(chain(testHeader, 4, func(i int) uint64 { return 0 }), uint16(300), uint16(8))
	f.Fuzz(func(t *testing.T, b []byte, at, n uint16) {
		if int(at)+int(n) <= len(b) {
			clear(b[at : at+n])
		}
		h, err := ParseHeader(b)
		if err != nil {
			h = testHeader
			b = append(h.Append(nil), b...)
		}
		p := h.After()
		end, tail, err := Walk(b, h, func(off int, fr *Frame, id ID) error {
			if err := p.Follows(fr); err != nil {
				t.Fatal(err)
			}
			if again := AppendFrame(nil, h.Seed(), &fr.Marker, fr.Synced, fr.Payload); !bytes.Equal(again, b[off:off+fr.Bytes]) {
				t.Fatal("a frame that is read is not the one that is written")
			}
			p = Place{fr.Seq, id, fr.Time}
			return nil
		})
		if err != nil || end != p || tail.At > len(b) || tail.Zero == (tail.Bad != nil) {
			t.Fatalf("%v %+v %+v", err, end, tail)
		}
	})
}
