package host_test

import (
	"testing"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
)

// BenchmarkPingPong is one message to the other actor and one back.
func BenchmarkPingPong(b *testing.B) {
	h := host.New(host.Options{})
	defer func() { _, _ = h.Shutdown(b.Context(), 0, 0) }()
	sys, done := h.System(), make(chan struct{})
	var p, q actors.Ref
	player := func(other *actors.Ref) actors.Func {
		return func(cx *actors.Cx, msg any) error {
			if v, ok := msg.(volley); ok {
				if v.left == 0 {
					close(done)
					return nil
				}
				return cx.Tell(*other, volley{v.left - 1})
			}
			return nil
		}
	}
	p, _ = sys.Spawn(actors.Child{Name: "p", Behaviour: player(&q)})
	q, _ = sys.Spawn(actors.Child{Name: "q", Behaviour: player(&p)})
	b.ReportAllocs()
	b.ResetTimer()
	_ = sys.Tell(p, volley{2 * b.N})
	<-done
}
