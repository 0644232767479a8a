package actors

import (
	"github.com/franken-node/fnode-supervisor/internal/base"
)

// letter is a message as it lies in a mailbox: what most messages have, in 24 bytes, of which two fit in a line of the
// cache with their marks. What has more lies there as a whole: a trace, a tag, a timer, or a sender who may want it back.
type letter struct {
	body any    // a *Message where it is a whole one
	life uint32 // the incarnation it is for, as the mailbox counts them; zero: any
	kind letterKind
}

type letterKind uint8

const (
	inParts letterKind = iota // body and life are the message
	asWhole                   // body is the message
	asPlain                   // in parts, and the kernel has no part in it (class)
)

func (s *Slot) letter(m *Message) letter {
	back := m.from != nil && s.opts.queue == QueueReturn
	if back || m.Tag != 0 || m.timer != nil || m.trace != (TraceID{}) || m.life != base.Incarnation(uint32(m.life)) {
		all := *m
		return letter{body: &all, kind: asWhole}
	}
	return letter{body: m.Body, life: uint32(m.life)}
}

// message gives the message back.
func (l letter) message() Message {
	if l.kind == asWhole {
		return *l.body.(*Message)
	}
	return Message{Body: l.body, life: base.Incarnation(l.life)}
}

// plainFor says whether it goes straight to the handler of the incarnation n.
func (l *letter) plainFor(n uint32) bool { return l.kind == asPlain && (l.life == 0 || l.life == n) }

// matching makes of a question about messages one about letters.
func matching(match func(Message) bool) func(letter) bool {
	return func(l letter) bool { return match(l.message()) }
}
