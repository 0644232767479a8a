package actors

import (
	"github.com/franken-node/fnode-supervisor/internal/base"
)

// letter is a message as it lies in a mailbox: what most messages have, in 32 bytes. What has more, a trace, a tag or a
// timer, lies there as a whole.
type letter struct {
	body     any // a *Message where it is a whole one
	from     *Slot
	life     base.Incarnation
	whole    bool
	reserved bool
	plain    bool // the kernel has no part in it (class)
}

func (m *Message) letter() letter {
	if m.Tag != 0 || m.timer != nil || m.trace != (TraceID{}) {
		whole := *m
		return letter{body: &whole, whole: true}
	}
	return letter{body: m.Body, from: m.from, life: m.life, reserved: m.reserved}
}

// message gives the message back.
func (l letter) message() Message {
	if l.whole {
		return *l.body.(*Message)
	}
	return Message{Body: l.body, from: l.from, life: l.life, reserved: l.reserved}
}

// matching makes of a question about messages one about letters.
func matching(match func(Message) bool) func(letter) bool {
	return func(l letter) bool { return match(l.message()) }
}
