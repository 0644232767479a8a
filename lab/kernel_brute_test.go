package lab_test

import (
	"os"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// The kernel's own scenarios, alone and with a cancel anywhere, have the traces that brute force finds.
func TestKernelScenariosEqualBruteForce(t *testing.T) {
	most := 800
	if os.Getenv("FNODE_LONG") != "" {
		most = 20_000
	}
	compared, big := 0, 0
	for _, sc := range programs.Kernel() {
		all, err := lab.Injected(sc, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, sc := range append([]lab.Scenario{sc}, all...) {
			missing, extra, whole, res := lab.AgainstBrute(sc, lab.Options{}, most)
			if !whole {
				big++
				continue
			}
			compared++
			if len(missing)+len(extra) > 0 {
				t.Errorf("%s: %d traces, %d missing, %d that cannot be; blocked %d; one of them:\n%s",
					sc.Name, res.Traces(), len(missing), len(extra), res.Blocked, append(append(missing, extra...), "none")[0])
			}
		}
	}
	t.Logf("%d scenarios compared, %d too big for brute force", compared, big)
}
