package isolation

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
)

// Check is the verdict of one live self-test.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	How    string `json:"how,omitempty"` // how to get it, if not OK
}

// SelfTest tries on this host what an engine would get: it makes groups, limits and namespaces, and,
// if enginePath names an engine, starts it as strict and reports every layer as read back. Nothing is
// left. It takes about 50 ms and may run beside a supervisor: it uses an instance id of its own.
func SelfTest(ctx context.Context, enginePath string) []Check {
	h := Probe()
	checks := []Check{
		{Name: "kernel", OK: true, Detail: h.String()},
		check("memfd exec", h.MemfdExec, "engines run from a sealed copy", "sysctl vm.memfd_noexec=0; without it the engine's file must be readable by everybody"),
		check("seccomp", h.Seccomp && inside.CanSeal(), "kill-process filters", LayerSeccomp.info().how),
		check("landlock", h.LandlockABI > 0, fmt.Sprintf("ABI %d", h.LandlockABI), LayerLandlock.info().how),
		check("write xor execute", h.MDWE, "PR_SET_MDWE", LayerMDWE.info().how),
	}
	for _, ns := range namespaces {
		checks = append(checks, check("namespace "+ns.link, h.cloneFlags&ns.flag != 0, errText(h.nsWhy[ns.layer], "made and left"), ns.layer.info().how))
	}
	m, _, err := Open(ctx, Options{InstanceID: fmt.Sprintf("st_%d_%x", os.Getpid(), time.Now().UnixNano()), AllowDegraded: true})
	if err != nil {
		return append(checks, Check{Name: "open", Detail: err.Error(), How: "mend the error above"})
	}
	checks = append(checks, m.groupChecks()...)
	if enginePath != "" {
		checks = append(checks, m.engineChecks(ctx, enginePath)...)
	}
	err = m.Close(ctx)
	return append(checks, check("nothing left", err == nil, errText(err, "groups and processes are gone"), "remove the named group by hand"))
}

func check(name string, ok bool, detail, how string) Check {
	if ok {
		how = ""
	}
	return Check{Name: name, OK: ok, Detail: detail, How: how}
}

func errText(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

// groupChecks tells which groups Open could make.
func (m *Manager) groupChecks() []Check {
	var checks []Check
	for _, c := range cgroup.Controllers {
		err := m.tree.Why(c)
		checks = append(checks, check("cgroup "+string(c), err == nil, errText(err, m.host.Controllers[string(c)]), howCgroup))
	}
	err := m.tree.KillWhy()
	return append(checks, check("cgroup kill", err == nil, errText(err, strings.Join(m.tree.Dirs(), " ")), LayerCgroupKill.info().how))
}

// engineChecks starts the engine and turns its layers into checks.
func (m *Manager) engineChecks(ctx context.Context, path string) []Check {
	began := time.Now()
	c, err := m.Start(ctx, Spec{Name: "selftest", Path: path, Profile: "strict", Seals: true})
	if err != nil {
		return []Check{{Name: "engine", Detail: err.Error(), How: "check the engine's file: " + path}}
	}
	checks := []Check{{Name: "engine", OK: true, Detail: fmt.Sprintf("in its sandbox after %v", time.Since(began).Round(100*time.Microsecond))}}
	for _, l := range c.Attained() {
		checks = append(checks, Check{Name: "layer " + string(l), OK: true, Detail: "read back"})
	}
	for _, x := range c.Missing() {
		if x.Why != errPending.Error() { // decided after the engine's warm-up, which no self-test asks for
			checks = append(checks, Check{Name: "layer " + string(x.Layer), Detail: x.Why, How: x.How})
		}
	}
	killed := time.Now()
	c.Kill("selftest")
	death := c.Wait()
	return append(checks, check("kill", death.Cause == CauseKilled, fmt.Sprintf("%v after %v", death, time.Since(killed).Round(100*time.Microsecond)), "report this"))
}
