package lanes_test

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/lanes"
)

// A mailbox has three lanes: what is more urgent overtakes, and nothing starves.
func ExampleMailbox() {
	box := lanes.New[string](lanes.Options{Ready: 2})
	box.Put("work")
	box.Put("more work")
	box.PutTimed(100, "a deadline")
	box.PutCancel("stop", func(old, _ string) (string, bool) { return old, false })
	if _, r, _ := box.Put("too much"); r == lanes.Refused {
		fmt.Println("the lane is full")
	}
	for v, lane, _, ok := box.Take(1); ok; v, lane, _, ok = box.Take(1) {
		fmt.Println(lane, v)
		box.Delivered(lane, 1, false)
	}
	// Output:
	// the lane is full
	// cancel stop
	// timed a deadline
	// ready work
	// ready more work
}
