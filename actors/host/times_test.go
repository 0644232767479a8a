package host_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// timesOf are the times of one class and lane; zero if there are none.
func timesOf(h *host.Host, class string, l lanes.Lane) (out actors.LaneTimes) {
	for _, t := range h.System().Times() {
		if t.Class == class && t.Lane == l {
			return t
		}
	}
	return out
}

// TestL7WaitAndServiceTimesAreMeasured: one message in 64 counts for 64, and every one over a millisecond for itself.
func TestL7WaitAndServiceTimesAreMeasured(t *testing.T) {
	for _, e := range []struct {
		name     string
		takes    time.Duration // the handler
		messages int
		wait     [2]uint64 // at least, at most
		service  [2]uint64
		bucket   time.Duration // of every service time
	}{
		{"all of them are long", 5 * time.Millisecond, 200, [2]uint64{198, 200 + 64}, [2]uint64{200, 200}, 8192 * time.Microsecond},
		{"some more than a millisecond", 1600 * time.Microsecond, 100, [2]uint64{97, 100 + 64}, [2]uint64{100, 100}, 2048 * time.Microsecond},
		{"none is long", 0, 640, [2]uint64{640, 640}, [2]uint64{640, 640}, time.Microsecond},
	} {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := host.New(host.Options{Workers: 1})
				ref, err := h.System().Spawn(actors.Child{Name: "a", Class: "sleeper", Behaviour: actors.Func(func(_ *actors.Cx, m any) error {
					if _, ok := m.(int); ok && e.takes > 0 {
						time.Sleep(e.takes)
					}
					return nil
				})})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for i := range e.messages {
					if err := h.System().Tell(ref, i); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Duration(e.messages+10) * max(e.takes, time.Millisecond))
				synctest.Wait()
				got := timesOf(h, "sleeper", lanes.Ready)
				if n := got.Wait.Count(); n < e.wait[0] || n > e.wait[1] {
					t.Errorf("%d waits, want %d to %d: %v", n, e.wait[0], e.wait[1], got.Wait)
				}
				if n := got.Service.Count(); n < e.service[0] || n > e.service[1] {
					t.Errorf("%d service times, want %d to %d: %v", n, e.service[0], e.service[1], got.Service)
				}
				for i, n := range got.Service.Buckets {
					if n > 0 && got.Service.Bound(i) != e.bucket {
						t.Errorf("%d service times up to %s, want all up to %s", n, got.Service.Bound(i), e.bucket)
					}
				}
				if _, err := h.Shutdown(t.Context(), base.ReasonShutdown, time.Second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestL7ClassesAreBounded: beyond 64 they are counted together, and a supervisor has one of its own.
func TestL7ClassesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host.New(host.Options{Workers: 1})
		for i := range 100 {
			if _, err := h.System().Spawn(actors.Child{Name: fmt.Sprint(i), Class: fmt.Sprint("class", i), Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })}); err != nil {
				t.Fatal(err)
			}
		}
		classes := map[string]bool{}
		for _, at := range h.System().Times() {
			classes[at.Class] = true
		}
		if len(classes) != 65 || !classes["other"] {
			t.Errorf("%d classes; other: %v", len(classes), classes["other"])
		}
		if _, err := h.System().Spawn(actors.Child{Name: "bad", Class: "\xff", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })}); err == nil {
			t.Error("a class that is no text was taken")
		}
		if _, err := h.Shutdown(t.Context(), base.ReasonShutdown, time.Second); err != nil {
			t.Error(err)
		}
	})
}
