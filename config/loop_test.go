package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/config"
)

// TestS7IsOnForExtensionsBelowTheirBudget: each row is a budget, and what an extension under it says of crash loops.
func TestS7IsOnForExtensionsBelowTheirBudget(t *testing.T) {
	for _, row := range []struct {
		budget, says string
		want         config.CrashLoop
		fault        string // with its place
	}{
		{"restarts = 20", "", config.CrashLoop{Failures: 5, Window: time.Minute}, ""},
		{"restarts = 5\nwindow = \"2m\"", "", config.CrashLoop{Failures: 4, Window: 2 * time.Minute}, ""},
		{"restarts = 3", "", config.CrashLoop{Failures: 2, Window: time.Minute}, ""},
		{"restarts = 2", "", config.CrashLoop{}, ""}, // no room: one failure is no loop
		{"restarts = 0", "", config.CrashLoop{}, ""},
		{"restarts = 20", "restart = \"temporary\"", config.CrashLoop{}, ""},
		{"restarts = 20", "crash_loop = { off = true }", config.CrashLoop{}, ""},
		{"restarts = 20", "crash_loop = { failures = 19, window = \"5m\" }", config.CrashLoop{Failures: 19, Window: 5 * time.Minute}, ""},
		{"restarts = 2", "crash_loop = { failures = 1 }", config.CrashLoop{Failures: 1, Window: time.Minute}, ""}, // said, so be it
		{"restarts = 20", "crash_loop = { failures = 20 }", config.CrashLoop{}, "c.toml:6:1: extension[0].crash_loop.failures: must be at least 1 and below the restarts of its supervisor sup, 20: 20"},
		{"restarts = 20", "[extension.crash_loop]\nfailures = 0", config.CrashLoop{}, "c.toml:7:1: extension[0].crash_loop.failures: must be at least 1"},
		{"restarts = 20", "[extension.crash_loop]\nwindow = \"1s\"", config.CrashLoop{}, "c.toml:7:1: extension[0].crash_loop.window: must be at least that of its supervisor sup, 1m0s"},
		{"restarts = 20", "[extension.crash_loop]\noff = true\nfailures = 3", config.CrashLoop{}, "c.toml:7:1: extension[0].crash_loop.off: is said beside"},
		{"restarts = 20", "[extension.crash_loop]\nwindow = 60", config.CrashLoop{}, "c.toml:7:1: "},
		{"restarts = 20", "[extension.crash_loop]\ncount = 3", config.CrashLoop{}, "c.toml:7:1: unknown key extension.crash_loop.count"},
		{"restarts = 20", "restart = \"temporary\"\ncrash_loop = { failures = 3 }", config.CrashLoop{}, "c.toml:7:1: extension[0].crash_loop: a temporary extension"},
		{"restarts = 20\ncrash_loop = { failures = 3 }", "", config.CrashLoop{}, "c.toml:3:1: unknown key tree.crash_loop"}, // off for other children
	} {
		src := fmt.Sprintf("[tree]\n%s\n[[extension]]\nname = \"x\"\npackage = \"p\"\n%s\n", row.budget, row.says)
		c, err := config.Parse([]byte(src), "c.toml")
		switch {
		case row.fault != "":
			if err == nil || !strings.Contains(err.Error(), row.fault) {
				t.Errorf("%s\n%v\ndoes not say %s", src, err, row.fault)
			}
		case err != nil:
			t.Errorf("%s\n%v", src, err)
		default:
			if got := c.Tree.Children[0].Extension.CrashLoop; got != row.want {
				t.Errorf("%s\n%s, want %s", src, got, row.want)
			}
			shown, err := c.Show(true).TOML()
			if err != nil {
				t.Fatal(err)
			}
			again, err := config.Parse(shown, "c.toml")
			if err != nil || again.Tree.Children[0].Extension.CrashLoop != row.want {
				t.Errorf("shown, it is another: %v\n%s", err, shown)
			}
		}
	}
	d := config.Default(config.Extension{Name: "x"})
	if got := d.Tree.Children[0].Supervisor.Children[0].Extension.CrashLoop; got != (config.CrashLoop{Failures: 5, Window: time.Minute}) {
		t.Error("without a file:", got)
	}
}
