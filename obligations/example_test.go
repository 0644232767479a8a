package obligations_test

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/obligations"
)

// A ledger holds one holder's promises. What is open when the holder stops ends by its kind's rule.
func ExampleLedger() {
	var l obligations.Ledger
	_ = l.Reserve(obligations.Reply, "an answer", 1, 0)
	_ = l.Reserve(obligations.SendPermit, "a place", 2, 0)
	fmt.Println(l.Resolve(1, obligations.Committed))
	fmt.Println(l.Resolve(1, obligations.Committed))
	for _, r := range l.Stop() {
		fmt.Println(r.Label, r.To)
	}
	// Output:
	// <nil>
	// ob_1 is not open here: resolved twice, or never held (O1) (FN1009)
	// a place Aborted
}
