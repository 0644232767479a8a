package actors

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

type (
	plain  struct{}
	urgent struct{ at time.Time }
)

// TestL1TheLaneFollowsFromTheType: the kernel's by the table in spec, the users' by Register, Ready where nothing is
// said; and nobody but the kernel gets into Cancel.
func TestL1TheLaneFollowsFromTheType(t *testing.T) {
	kernels := []any{
		control{}, ChildStarted{}, ChildEnded{}, ChildWedged{}, LinkDown{}, Answer[int]{}, Down{}, Committed{}, &Permit{}, Undelivered{}, &Ask[plain, int]{},
	}
	if len(kernels) != len(spec.KernelLanes) {
		t.Fatalf("%d messages, %d rows in spec.KernelLanes", len(kernels), len(spec.KernelLanes))
	}
	for i, m := range kernels {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(reflect.TypeOf(m).String(), "*"), "actors."), "[")
		row := spec.KernelLanes[i]
		if l, _, ok := (Message{Body: m}).Lane(); !ok || row.Message != name || row.Lane != l.String() {
			t.Errorf("%s travels in %s; row %d of the table says %s for %s", name, l, i, row.Lane, row.Message)
		}
	}
	due := time.Unix(77, 0)
	Register(lanes.Timed, func(u urgent) time.Time { return u.at })
	if l, at, _ := (Message{Body: urgent{due}}).Lane(); l != lanes.Timed || !at.Equal(due) {
		t.Error("registered as Timed:", l, at)
	}
	if l, _, _ := (Message{Body: plain{}}).Lane(); l != lanes.Ready {
		t.Error("a type of which nothing is said travels in", l)
	}
	for name, f := range map[string]func(){
		"Cancel is the kernel's":                func() { Register[plain](lanes.Cancel, nil) },
		"Timed names the field of its deadline": func() { Register[plain](lanes.Timed, nil) },
		"Ready has no deadline":                 func() { Register(lanes.Ready, func(plain) time.Time { return due }) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("it was registered, though %s", name)
				}
			}()
			f()
		}()
	}
}
