package marker

import (
	"encoding/binary"
	"errors"
)

// Place is where a walk of frames stands: what the next frame has to follow.
type Place struct {
	Seq  uint64 // of the last marker; 0: none
	ID   ID     // of the last marker
	Time int64  // of the last marker
}

// After is the place after the header's segments.
func (h *Header) After() Place { return Place{Seq: h.First - 1, ID: h.Prev, Time: h.Time} }

// Follows checks that f is the one after p: dense, chained, not earlier. The error is a *Fault.
func (p Place) Follows(f *Frame) error {
	switch {
	case f.Seq != p.Seq+1:
		return fault("frame %d stands where %d belongs", f.Seq, p.Seq+1)
	case f.Prev != p.ID:
		return fault("frame %d is not chained to the one before it", f.Seq)
	case f.Time < p.Time:
		return fault("frame %d is earlier than the one before it", f.Seq)
	case !f.Whole():
		return fault("the payload of frame %d is not the one its marker states", f.Seq)
	}
	return nil
}

// Tail is what stands behind the last whole frame of a segment.
type Tail struct {
	At     int    // offset of the first byte that is not part of a whole frame
	First  int    // At, or where zeros stand there, the first byte that is not zero
	Zero   bool   // nothing: only zeros, or the end
	Cut    int    // whole frames further on, which were never durable
	Bad    error  // what is wrong at At; nil where Zero
	Damage bool   // a later frame testifies that what stands at At had been durable, or nothing may be torn here
	By     uint64 // the frame that testifies; 0: none
}

// Walk reads the frames of b, which is a segment from its first byte, in order, and hands each with its offset and
// id to f. It stops at the first that is not whole, looks behind it, and says what it is (rule D5): a torn tail is
// what no later frame testifies for. An error of f ends the walk and is returned; Walk returns none of its own.
// The frames alias b, and f must not keep the pointer. h is the parsed header.
//
// A frame after a hole is looked for at every multiple of 8 bytes.
func Walk(b []byte, h Header, f func(off int, fr *Frame, id ID) error) (Place, Tail, error) {
	p, seed, off := h.After(), h.Seed(), HeaderSize
	var fr Frame // one for all: f must not keep it
	for {
		if zero(b[off:]) {
			return p, Tail{At: off, Zero: true}, nil
		}
		err := fr.parse(b[off:], seed)
		if err == nil {
			err = p.Follows(&fr)
		}
		if err != nil {
			return p, behind(b, seed, off, p.Seq+1, err), nil
		}
		p = Place{Seq: fr.Seq, ID: IDOf(b[off+headSize : off+Overhead]), Time: fr.Time}
		if err := f(off, &fr, p.ID); err != nil {
			return p, Tail{}, err
		}
		off += fr.Bytes
	}
}

// lookBudget bounds the bytes that are summed to find frames behind a bad one, as a multiple of the segment's size:
// bytes may be made so that every place looks like the head of a long frame. Beyond it nothing is cut.
const lookBudget = 8

// behind looks for whole frames after a bad one at off, where want belongs.
func behind(b []byte, s Seed, off int, want uint64, bad error) Tail {
	t := Tail{At: off, First: off, Bad: bad}
	if zero(b[off:min(off+8, len(b))]) { // no frame begins here
		for b[t.First] == 0 {
			t.First++
		}
	}
	var flt *Fault
	if errors.As(bad, &flt) && flt.Newer {
		t.Damage = true // whole, and not for us to cut
		return t
	}
	budget := lookBudget * len(b)
	for at := off; at+Overhead <= len(b); {
		if string(b[at+headSize:at+headSize+3]) == magic {
			budget -= min(int(binary.BigEndian.Uint32(b[at+4:])), len(b)-at)
		}
		if budget < 0 {
			t.Damage = true
			return t
		}
		fr, err := ParseFrame(b[at:], s)
		if err != nil || fr.Seq < want {
			at += 8
			continue
		}
		t.Cut++
		if fr.Synced >= want {
			t.Damage, t.By = true, fr.Seq
			return t
		}
		at += fr.Bytes
	}
	return t
}

func zero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
