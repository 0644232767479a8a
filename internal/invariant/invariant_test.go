package invariant_test

import (
	"testing"

	"github.com/franken-node/fnode-supervisor/internal/invariant"
)

func TestViolatedPanicsInTests(t *testing.T) {
	defer func() {
		if got := recover(); got != (invariant.Broken{Rule: "O1", What: "ob_1 resolved twice"}) {
			t.Fatal(got)
		}
	}()
	invariant.Violated("O1", "%s resolved twice", "ob_1")
}
