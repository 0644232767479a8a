package regions_test

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
)

// door is a member that closes as soon as it is asked.
type door struct{ place *regions.Handle }

func (d *door) Label() string { return "door" }

func (d *door) Ask(q regions.Request) {
	fmt.Println("asked to close:", q.Reason)
	d.place.Leave(base.OutcomeCancelled)
}

func (d *door) Kill() {}

// A region owns what is started in it. Closed means that nothing of it is left, and the proof says so.
func ExampleRegion() {
	ids := base.RegionID(0)
	root := regions.NewRoot("house", func() base.RegionID { ids++; return ids })
	room, _ := root.Open("house/room")
	d := &door{}
	d.place, _ = room.Join(regions.Listener, d)
	_ = room.Finalize("lights", func() error { fmt.Println("lights out"); return nil })
	root.OnClosed(func(p regions.Proof) { fmt.Println(p) })
	root.Close(regions.Request{Reason: base.ReasonUser})
	_, err := root.Open("house/attic")
	fmt.Println(err)
	// Output:
	// asked to close: parent_closing
	// lights out
	// house closed (user, cancelled): left nothing; ended 1 region 1 listener
	// house is Closed and takes no region (FN1007)
}
