package daemon_test

import (
	"fmt"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestThePackageCannotWidenItsHeap: where an ordinary user has no memory cgroup the heap is the only limit.
func TestThePackageCannotWidenItsHeap(t *testing.T) {
	r := newRig(t)
	source := "export const ok = () => 'ok'; export const take = (n) => new Uint8Array(n * 2 ** 20).length"
	for name, profile := range map[string]string{"small": "strict", "large": "moderate"} {
		r.write(name, fmt.Sprintf(`{"profile":%q,"limits":{"heap":"512Mi"},"methods":{"ok":{},"take":{}}}`, profile), source)
	}
	r.write("tight", `{"limits":{"memory":"24Mi"},"methods":{"ok":{},"take":{}}}`, source)
	r.up()
	if c := r.refused("tight", "take", "16", codes.EngineOOM); !strings.Contains(c.What, "heap of 12 MiB") {
		t.Errorf("%+v", c)
	}
	if c := r.refused("small", "take", "40", codes.EngineOOM); !strings.Contains(c.What, "heap of 32 MiB") {
		t.Errorf("%+v", c)
	}
	r.expect("large", "take", "60", fmt.Sprint(60<<20))
	if c := r.refused("large", "take", "140", codes.EngineOOM); !strings.Contains(c.What, "heap of 128 MiB") {
		t.Errorf("%+v", c)
	}
	r.stop()
}
