package actors

import (
	"unsafe"

	"github.com/franken-node/fnode-supervisor/lanes"
)

type mailbox = lanes.Mailbox[letter, lanes.Live]

// hands is the mailbox whose handler sends, where the host's workers ask what it handed to them (Offered).
func (s *Slot) hands(by *Slot) *mailbox {
	if by == nil || !s.opts.sys.direct {
		return nil
	}
	return &by.box
}

// slotOf is the slot of a mailbox.
func slotOf(b *mailbox) *Slot {
	if b == nil {
		return nil
	}
	return (*Slot)(unsafe.Add(unsafe.Pointer(b), -int(unsafe.Offsetof(Slot{}.box))))
}

// Offers says whether the handler of s has made a slot runnable for the worker of s, which lies in no run queue then. The
// worker asks after each delivery, and takes it by ClaimOffered or TakeBack. A host asks if it gives a coarse clock
// (Options.Coarse).
func (s *Slot) Offers() bool { return s.box.Offers() }

// ClaimOffered takes the slot that was offered, as Claim does; nil: there is none, or it was queued anew meanwhile.
func (s *Slot) ClaimOffered() *Slot { return slotOf(s.box.ClaimOffered()) }

// TakeBack gives the slot that was offered, and the ticket under which it has to be queued instead; zero: there is none.
func (s *Slot) TakeBack() (offered *Slot, t Ticket) {
	b := s.box.Offered()
	if b == nil {
		return nil, 0
	}
	return slotOf(b), b.TakeBack()
}

// Withhold takes away what the handler of s has offered, which has to be queued under the ticket unless that is zero, and
// lets s offer nothing until that handler has returned. Any goroutine may call it.
func (s *Slot) Withhold() (offered *Slot, t Ticket) {
	b, t := s.box.Withhold()
	return slotOf(b), t
}

// tell is Accept of a message of Ready in which the kernel has no part, for a host that delivers at once.
func (s *Slot) tell(by *Slot, body any) error {
	if s.is(shut) {
		return s.refuseGone()
	}
	l := letter{body: body, kind: asPlain}
	if by != nil && s.opts.queue == QueueReturn {
		l = s.letter(&Message{Body: body, from: by})
	}
	t, r, old := s.box.PutBy(s.hands(by), l)
	if r != lanes.Queued {
		return s.unusual(by, t, r, old, body)
	}
	if t != 0 {
		s.opts.sys.host.Ready(by, s, t)
	}
	s.sweepIfShut()
	return nil
}
