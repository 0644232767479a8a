package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/isolation"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/spec/metrics"
)

const plain = `{"methods":{"ok":{},"echo":{},"sleep":{}}}`

const plainSource = `
export const ok = () => "ok";
export const echo = (x) => x;
export const sleep = (ms) => new Promise((r) => setTimeout(() => r(ms), ms));
`

func TestKillOfAnEngineInTheMiddleOfACall(t *testing.T) {
	r := newRig(t)
	r.write("victim", plain, plainSource)
	r.write("other", plain, plainSource)
	r.up()
	r.expect("victim", "echo", `{"a":1}`, `{"a":1}`)
	before, pid := r.node("sup/ext/other"), r.pid("victim")
	failed := make(chan *codes.Error, 1) // capacity 1: the one answer
	go func() {                          // owner: the test receives; ends: the answer
		_, err := r.c.Invoke(r.ctx(), api.InvokeRequest{Path: "sup/ext/victim", Method: "sleep", Args: json.RawMessage("900"), TimeoutNS: int64(5 * time.Second)})
		failed <- codes.From(err)
	}()
	r.eventually("the call runs", func() bool { return strings.Contains(r.node("sup/ext/victim").Reason, "calling sleep") })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c := <-failed
	if c == nil || c.Code.ID != codes.EngineDied.ID || c.Effect != base.EffectUnknown {
		t.Fatalf("%+v", c)
	}
	r.answers("victim")
	if n := r.node("sup/ext/victim"); n.Restarts != 1 || n.Engine == nil || n.Engine.PID == pid {
		t.Fatalf("%+v", n)
	}
	if after := r.node("sup/ext/other"); after.Restarts != 0 || after.Engine.PID != before.Engine.PID || after.Incarnation != before.Incarnation {
		t.Fatalf("another extension noticed: %+v", after)
	}
	w, err := r.c.Why(r.ctx(), "sup/ext/victim")
	if err != nil || !strings.Contains(w.Answer, "signal(killed)") {
		t.Fatal(w, err)
	}
	r.stop()
}

func TestSpinnerStopsAtItsDeadlineAndAnswersTheNextCall(t *testing.T) {
	r := newRig(t)
	r.link("spinner")
	r.up()
	pid, kept := 0, false
	for i := 0; i < 3 && !kept; i++ { // an engine that gets no processor for 100 ms past the deadline is killed: once is no fault
		pid = r.pid("spinner")
		began := time.Now()
		r.refused("spinner", "spin", "null", codes.EngineDeadline)
		if d := time.Since(began); d > 10*time.Second {
			t.Fatal("it took", d)
		}
		r.expect("spinner", "ok", "null", `"ok"`)
		kept = r.pid("spinner") == pid
	}
	if !kept {
		t.Fatal("a loop that can be interrupted cost the engine, three times")
	}
	c := r.refused("spinner", "native", "null", codes.EngineDeadline)
	if c.Effect != base.EffectUnknown {
		t.Fatal(c)
	}
	r.answers("spinner")
	if r.pid("spinner") == pid {
		t.Fatal("slow native calls were interrupted from inside?")
	}
	r.stop()
}

func TestHogDiesOfItsHeapOrOfItsCgroupAndTheReasonSaysWhich(t *testing.T) {
	r := newRig(t)
	r.link("hog")
	r.up()
	limited := slices.Contains(r.node("sup/ext/hog").Engine.Attained, "cgroup_memory")
	c := r.refused("hog", "heap", "null", codes.EngineOOM)
	if !slices.Contains(c.Facts, codes.Fact{Label: "reason", Text: "oom_heap"}) {
		t.Fatalf("%+v", c)
	}
	if why, err := r.c.Why(r.ctx(), "sup/ext/hog"); err != nil || len(why.Chain) == 0 || !strings.Contains(why.Chain[0].What, "oom_heap") {
		t.Fatalf("asked right after the answer, why says %+v %v", why, err)
	}
	r.answers("hog")
	pid := r.pid("hog")
	r.expect("hog", "hidden", "null", `"as if nothing had happened"`)
	r.answers("hog")
	if r.pid("hog") == pid {
		t.Fatal("an engine whose code hid an out-of-memory error was not retired")
	}
	r.serves(`fnode_engine_exits_total{reason="oom_heap"} 2`)
	if !limited {
		t.Skip("needs: a writable memory cgroup")
	}
	c = r.refused("hog", "cgroup", "null", codes.EngineOOM)
	if !slices.Contains(c.Facts, codes.Fact{Label: "reason", Text: "oom_cgroup"}) {
		t.Fatalf("%+v", c)
	}
	r.answers("hog")
	r.serves(`fnode_engine_exits_total{reason="oom_cgroup"} 1`)
	r.stop()
}

// TestAnExtensionKeepsWithinItsQuota: in its own keys, and at nobody else's cost.
func TestAnExtensionKeepsWithinItsQuota(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"a", "b"} {
		r.write(n, `{"capabilities":["kv"],"limits":{"kv":"4Ki"},"methods":{"ok":{},"put":{},"drop":{}}}`, `
import { set, delete as forget } from "fnode:kv";
export const ok = () => "ok";
export const put = async ([k, n]) => { await set(k, "x".repeat(n)); return "kept"; };
export const drop = async (k) => { await forget(k); return "gone"; };
`)
	}
	r.up()
	r.expect("a", "put", `["one", 3000]`, `"kept"`)
	if c := r.refused("a", "put", `["two", 3000]`, codes.ExtensionThrew); !strings.Contains(c.What, "quota") {
		t.Errorf("%+v", c)
	}
	r.expect("b", "put", `["two", 3000]`, `"kept"`)
	r.expect("a", "drop", `"one"`, `"gone"`)
	r.expect("a", "put", `["two", 3000]`, `"kept"`)
	r.stop()
}

// TestWhatGoDoesForTheCodeIsAllowedInTheSandbox: digests and host names are computed behind seccomp.
func TestWhatGoDoesForTheCodeIsAllowedInTheSandbox(t *testing.T) {
	r := newRig(t)
	r.write("a", `{"methods":{"ok":{},"all":{}}}`, plainSource+`
import { createHash, createHmac } from "node:crypto";
export async function all() {
  const d = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc")));
  return [d[0], createHash("sha1").update("abc").digest("hex"), createHmac("md5", "k").update("x").digest("hex").length,
    new URL("http://münchen.example/").host, await new Blob(["a", "b"]).text(), Array.from(crypto.getRandomValues(new Uint8Array(2))).length];
}`)
	r.up()
	pid := r.pid("a")
	r.expect("a", "all", "null", `[186,"a9993e364706816aba3e25717850c26c9cd0d89d",32,"xn--mnchen-3ya.example","ab",2]`)
	r.answers("a")
	if r.pid("a") != pid {
		t.Fatal("the engine was ended for it")
	}
	r.stop()
}

func TestFlooderIsSlowedAndTheSupervisorStaysSmall(t *testing.T) {
	r := newRig(t)
	r.link("flooder")
	r.write("neighbour", plain, plainSource)
	r.up()
	worst := 0
	for _, m := range []string{"log", "kv"} {
		ended := make(chan struct{}) // capacity 0; closed by the caller below
		go func() {                  // owner: the test waits for ended; ends: the deadline of the call
			defer close(ended)
			r.refused("flooder", m, "null", codes.EngineDeadline)
		}()
		for open := true; open; {
			select {
			case <-ended:
				open = false
			default:
				r.expect("neighbour", "echo", "1", "1")
				worst = max(worst, rss(t, r.cmd.Process.Pid))
			}
		}
	}
	if worst > 256<<20 {
		t.Fatalf("the supervisor grew to %d MiB", worst>>20)
	}
	r.expect("flooder", "ok", "null", `"ok"`)
	if n := r.node("sup/ext/neighbour"); n.Restarts != 0 {
		t.Fatal(n)
	}
	lines := 0
	for _, err := range r.c.Logs(r.ctx(), api.LogQuery{Path: "sup/ext/flooder", Tail: 10}) {
		if err != nil {
			t.Fatal(err)
		}
		lines++
	}
	if lines != 10 {
		t.Fatal(lines, "lines kept")
	}
	r.stop()
}

func rss(t testing.TB, pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kb int
	if _, err := fmt.Sscanf(firstLine(string(b), "VmRSS"), "VmRSS: %d kB", &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestThrowerNamesTheAuthorsFileAndLineAndIsNoCrash(t *testing.T) {
	r := newRig(t)
	r.link("thrower")
	r.up()
	for range 3 {
		c := r.refused("thrower", "boom", "null", codes.ExtensionThrew)
		if c.Where.File != "src/index.ts" || c.Where.Line != 10 || len(c.Frames) != 3 || c.Frames[1].Line != 16 {
			t.Fatalf("%+v", c)
		}
	}
	r.refused("thrower", "reject", "null", codes.ExtensionThrew)
	r.expect("thrower", "ok", "null", `"ok"`)
	if n := r.node("sup/ext/thrower"); n.Restarts != 0 || n.Incarnation != 1 {
		t.Fatalf("%+v", n)
	}
	r.stop()
}

func TestBudgetExceededFailsUpwardsAndTheRootNamesTheFirstCause(t *testing.T) {
	r := newRig(t)
	r.write("fragile", plain, plainSource)
	conf := filepath.Join(r.dir, "config.toml")
	err := os.WriteFile(conf, []byte(`
[tree]
restarts = 1
window = "1m"
[[supervisor]]
name = "ext"
restarts = 1
window = "1m"
backoff = {off = true}
[[extension]]
name = "fragile"
parent = "ext"
package = "ext/fragile"
backoff = {off = true}
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	r.args = []string{"--config", conf}
	r.up()
	last := 0
	for range 8 {
		pid := 0
		r.eventually("an engine, or the end", func() bool {
			tree, err := r.c.Tree(r.ctx())
			if err != nil {
				return true
			}
			n, ok := api.Reduce(tree).Find("sup/ext/fragile")
			if ok && n.Engine != nil && n.State == "Running" && n.Engine.PID != last {
				pid = n.Engine.PID
			}
			return pid != 0 || tree.Root.State == "Failed" || len(r.done) > 0
		})
		if pid == 0 {
			break
		}
		last = pid
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if code := r.end(); code != codes.ExitOurFault {
		t.Fatalf("exit %d\n%s", code, r.out)
	}
	out := r.out.String()
	if !strings.Contains(out, "first cause") || !strings.Contains(out, "signal(killed)") || !strings.Contains(out, "FN2001") {
		t.Fatal(out)
	}
	r.up() // the next run knows what happened
	d, err := r.c.Describe(r.ctx(), "sup/ext/fragile")
	if err != nil || len(d.History) < 4 {
		t.Fatalf("%d lives known, %v", len(d.History), err)
	}
	w, err := r.c.Why(r.ctx(), "sup")
	if err != nil || !strings.Contains(w.Answer, "signal(killed)") {
		t.Fatalf("%+v %v", w, err)
	}
	r.stop()
}

func TestKillOfTheDaemonLeavesNoEngineAndTheNextStartKnowsTheHistory(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.write("b", plain, plainSource)
	r.up()
	pids := []int{r.pid("a"), r.pid("b")}
	r.expect("a", "echo", "1", "1")
	r.kill()
	r.eventually("no engine is left", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
	r.up()
	r.expect("a", "echo", "2", "2")
	d, err := r.c.Describe(r.ctx(), "sup/ext/a")
	if err != nil || len(d.History) != 2 {
		t.Fatalf("%+v %v", d.History, err)
	}
	if d.History[0].Outcome != "lost" || d.History[0].Ended != nil || d.History[1].Outcome != "" {
		t.Errorf("the first life has no end of its own, the second one lives: %+v", d.History)
	}
	if out, _ := r.run("describe", "a"); !strings.Contains(out, "lost: its daemon was killed") || strings.Count(out, ", lives\n") != 1 {
		t.Errorf("one life only lives:\n%s", out)
	}
	r.stop()
	nothingLeft(t, r, pids...)
}

// nothingLeft looks for itself: no process, cgroup, socket or mount.
func nothingLeft(t *testing.T, r *rig, pids ...int) {
	t.Helper()
	for _, p := range pids {
		if alive(p) {
			t.Errorf("process %d is left", p)
		}
	}
	if g := groups(isolation.InstanceOf(filepath.Join(r.dir, "data"))); len(g) > 0 {
		t.Errorf("cgroups are left: %v", g)
	}
	if _, err := os.Lstat(r.sock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), r.dir) {
		t.Errorf("a mount is left: %v", err)
	}
}

func TestSIGTERMUnderLoadAnswersEveryCallAndLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.write("b", plain, plainSource)
	r.up()
	pids := []int{r.pid("a"), r.pid("b")}
	var wg sync.WaitGroup
	var mu sync.Mutex
	tally := map[string]int{}
	for client := range 8 {
		wg.Go(func() { // owner: wg; ends: the daemon is gone
			c := api.Dial(r.sock)
			for i := 0; ; i++ {
				ext, method, arg := "sup/ext/a", "echo", "7"
				if (client+i)%2 == 0 {
					ext, method, arg = "sup/ext/b", "sleep", "3"
				}
				_, err := c.Invoke(r.ctx(), api.InvokeRequest{Path: ext, Method: method, Args: json.RawMessage(arg)})
				word, end := verdict(err)
				mu.Lock()
				tally[word]++
				mu.Unlock()
				if end {
					return
				}
			}
		})
	}
	r.eventually("load", func() bool { mu.Lock(); defer mu.Unlock(); return tally["answered"] > 200 })
	r.signal(syscall.SIGTERM)
	code := r.end()
	wg.Wait()
	t.Log(tally)
	if code != 0 || tally["untold"] > 0 || !strings.Contains(r.out.String(), "left nothing") {
		t.Fatalf("exit %d, %v\n%s", code, tally, r.out)
	}
	nothingLeft(t, r, pids...)
}

// verdict says what a client was told. Untold is a call that broke without its outcome.
func verdict(err error) (word string, end bool) {
	c := codes.From(err)
	switch {
	case err == nil:
		return "answered", false
	case c == nil:
		return "untold", true
	case c.Code.ID == codes.Unreachable.ID:
		return "daemon gone", true
	case c.Code.ID == codes.ShuttingDown.ID || c.Code.ID == codes.ExtensionDown.ID || c.Code.ID == codes.NotRunning.ID:
		return "refused", false
	case c.HasEffect:
		return "told " + c.Effect.String(), false
	}
	return "untold", true
}

func TestASecondInterruptForcesTheEnd(t *testing.T) {
	r := newRig(t)
	r.write("slow", `{"methods":{"ok":{},"sleep":{}},"limits":{"invoke":"1m"}}`, plainSource)
	r.up("--drain", "1m")
	go func() { _, _ = r.invoke("slow", "sleep", "60000") }() // owner: nobody needs to; ends: the daemon is gone
	r.eventually("the call runs", func() bool { return strings.Contains(r.node("sup/ext/slow").Reason, "calling") })
	r.signal(os.Interrupt)
	r.eventually("draining", func() bool { return strings.Contains(r.out.String(), "draining") })
	r.signal(os.Interrupt)
	if code := r.end(); code != codes.ExitInterrupted || !strings.Contains(firstLine(r.out.String(), "  cut off"), "(calling sleep") {
		t.Fatalf("exit %d\n%s", code, r.out)
	}
	nothingLeft(t, r)
}

// TestSIGTERMAtAnyMomentOfTheStartLeavesNothing: before, while and after everything comes up.
func TestSIGTERMAtAnyMomentOfTheStartLeavesNothing(t *testing.T) {
	rounds := 8
	if os.Getenv("FNODE_LONG") != "" {
		rounds = 200
	}
	for i := range rounds {
		r := newRig(t)
		r.write("a", plain, plainSource)
		r.write("b", plain, plainSource)
		r.start()
		<-time.After(time.Duration(i*120/rounds) * time.Millisecond)
		r.signal(syscall.SIGTERM)
		if code := r.end(); code != 0 && code != -1 { // -1: the signal came before the process could hear it
			t.Fatalf("round %d: exit %d\n%s", i, code, r.out)
		}
		nothingLeft(t, r)
	}
	t.Logf("%d starts cut off, nothing left", rounds)
}

// TestBadInputIsRefusedBeforeAnythingStarts: exit code, error code and place, and no data or socket.
func TestBadInputIsRefusedBeforeAnythingStarts(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(r *rig)
		args    []string
		exit    int
		says    []string
		started bool // only running it shows the fault
	}{
		"code that throws when loaded": {
			prepare: func(r *rig) { r.write("bad", plain, plainSource+"\n\nthrow new Error('at load')") },
			exit:    codes.ExitBadData, says: []string{"FN3017", "error: the supervisor gives up: index.js:", "at load"}, started: true,
		},
		"a method that is not there": {
			prepare: func(r *rig) { r.write("bad", plain, "export const other = 1") },
			exit:    codes.ExitBadData, says: []string{"FN3017", "does not export a function"}, started: true,
		},
		"broken package.json": {
			prepare: func(r *rig) { r.file("ext/bad/package.json", "{\n  \"name\": }") },
			exit:    codes.ExitBadData, says: []string{"FN7002", "package.json:2:11"},
		},
		"import of a file of the host": {
			prepare: func(r *rig) { r.write("bad", plain, "import x from '/etc/passwd'; export const ok = () => x") },
			exit:    codes.ExitBadData, says: []string{"FN7003", "leads out of the package", "index.js:1:"},
		},
		"bad configuration": {
			prepare: func(r *rig) {
				r.file("c.toml", "[tree]\nstrateegy = \"x\"\ncolour = 1\n[[extension]]\nname = \"A B\"\npackage = \"p\"\n")
			},
			args: []string{"--config", "c.toml"}, exit: codes.ExitConfig, says: []string{"FN6001", "c.toml:2:1", "strateegy", "also"},
		},
		"bad value": {
			prepare: func(r *rig) { r.file("c.toml", "[[extension]]\nname = \"A B\"\npackage = \"p\"\n") },
			args:    []string{"--config", "c.toml"}, exit: codes.ExitConfig, says: []string{"FN6001", "c.toml:2:1", "A B"},
		},
		"missing configuration": {args: []string{"--config", "none.toml"}, exit: codes.ExitNoInput, says: []string{"FN6002"}},
		"bad package": {
			prepare: func(r *rig) { r.write("bad", `{"methods":{"ok":{}},"colour":1}`, plainSource) },
			exit:    codes.ExitBadData, says: []string{"FN7002", "package.json:1:", "colour"},
		},
		"code that does not parse": {
			prepare: func(r *rig) { r.write("bad", plain, "export const = 1") },
			exit:    codes.ExitBadData, says: []string{"FN7003", "index.js:1:"},
		},
		"missing dependency": {
			prepare: func(r *rig) { r.write("bad", plain, "import 'left-pad'; export const ok = 1") },
			exit:    codes.ExitBadData, says: []string{"FN7004", "left-pad", "npm ci"},
		},
		"missing engine":     {args: []string{"--engine", "/nowhere/fnode-engine"}, exit: codes.ExitNoInput, says: []string{"FN3012"}},
		"two sources":        {args: []string{"--config", "c.toml", "--extensions", "/nowhere"}, exit: codes.ExitUsage, says: []string{"FN8003", "both say what to supervise"}},
		"negative drain":     {args: []string{"--drain", "-5s"}, exit: codes.ExitUsage, says: []string{"FN8003", "-5s is negative"}},
		"silent engine":      {args: []string{"--engine", "/bin/true"}, exit: codes.ExitOurFault, says: []string{"the supervisor gives up: fine did not enter its sandbox"}, started: true},
		"unknown flag":       {args: []string{"--colour"}, exit: codes.ExitUsage, says: []string{"FN8003", "--colour"}},
		"bad metrics port":   {args: []string{"--metrics-listen", "127.0.0.1:99999"}, exit: codes.ExitUsage, says: []string{"FN8003", "no host:port"}},
		"foreign address":    {args: []string{"--metrics-listen", "192.0.2.1:9464"}, exit: codes.ExitUsage, says: []string{"FN8003", "loopback"}},
		"address in use":     {args: []string{"--metrics-listen", taken(t)}, exit: codes.ExitIO, says: []string{"FN8013", "address already in use"}},
		"unusable directory": {args: []string{"--data", "/proc/none"}, exit: codes.ExitIO, says: []string{"FN5005", "no such file or directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write("fine", plain, plainSource)
			if row.prepare != nil {
				row.prepare(r)
			}
			for i, a := range row.args {
				if strings.HasSuffix(a, ".toml") {
					row.args[i] = filepath.Join(r.dir, a)
				}
			}
			r.start(row.args...)
			if code := r.end(); code != row.exit {
				t.Fatalf("exit %d, not %d\n%s", code, row.exit, r.out)
			}
			for _, s := range row.says {
				if !strings.Contains(r.out.String(), s) {
					t.Errorf("it does not say %q:\n%s", s, r.out)
				}
			}
			if strings.Contains(r.out.String(), "proof:") && !row.started {
				t.Errorf("something was started for it:\n%s", r.out)
			}
			nothingLeft(t, r)
		})
	}
}

// taken is a loopback address that somebody else listens on for the time of the test.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func (r *rig) file(name, text string) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		r.t.Fatal(err)
	}
}

func TestASecondDaemonOnTheSameDataIsRefused(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	second := &rig{t: t, dir: r.dir, sock: filepath.Join(r.dir, "second.sock")}
	second.start()
	if code := second.end(); code != codes.ExitRetry || !strings.Contains(second.out.String(), "FN5004") {
		t.Fatalf("exit %d\n%s", code, second.out)
	}
	r.expect("a", "ok", "null", `"ok"`)
	r.stop()
}

func TestCallsThatCannotBeServedSayWhy(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	for _, row := range []struct {
		method, arg string
		want        *codes.Code
		effect      base.Effect
	}{
		{"none", "null", codes.UnknownMethod, base.EffectNone},
		{"echo", `"` + strings.Repeat("x", 5<<20) + `"`, codes.InputTooLarge, base.EffectNone},
	} {
		if c := r.refused("a", row.method, row.arg, row.want); c.Effect != row.effect {
			t.Errorf("%s: %+v", row.method, c)
		}
	}
	if _, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	if n := r.node("sup/ext/a"); n.State != "Stopped" || n.Engine != nil {
		t.Fatalf("%+v", n)
	}
	r.refused("a", "ok", "null", codes.NotRunning)
	if _, err := r.c.Start(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	r.expect("a", "ok", "null", `"ok"`)
	pid := r.pid("a")
	if _, err := r.c.Restart(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	if r.expect("a", "ok", "null", `"ok"`); r.pid("a") == pid {
		t.Fatal("it was not restarted")
	}
	r.stop()
}

// TestAllOfItAsAnOrdinaryUser runs the tests of this package again with every daemon as another user.
func TestAllOfItAsAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs: root, to become another user")
	}
	if os.Getenv("FNODE_AS_USER") != "" {
		t.Skip("needs: to be the outer run")
	}
	cmd := exec.Command(os.Args[0], "-test.skip", "TestMeasure|TestAllOfIt|Test(R5|S8|S9)", "-test.v") // what is about no user is not repeated
	cmd.Env = append(os.Environ(), "FNODE_AS_USER=1", "FNODE_TEST_BIN="+bin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS: Test"); n < 12 {
		t.Fatalf("only %d tests ran\n%s", n, out)
	}
}

func TestWhatIsMissingIsNamedOnEveryLine(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	n := r.node("sup/ext/a")
	if r.user != nil && (!strings.Contains(n.Reason, "degraded(") || len(n.Engine.Missing) == 0) {
		t.Fatalf("an ordinary user has every layer? %+v", n)
	}
	if len(n.Engine.Attained) < 5 || (len(n.Engine.Missing) > 0) != strings.Contains(n.Reason, "degraded(") {
		t.Fatalf("%+v %+v", n, n.Engine)
	}
	r.stop()
	if r.user == nil {
		return
	}
	strict := &rig{t: t, dir: r.dir, sock: r.sock, user: r.user, strict: true}
	strict.start()
	if code := strict.end(); code != codes.ExitDenied || !strings.Contains(strict.out.String(), "FN4001") || !strings.Contains(strict.out.String(), "cgroup_memory") {
		t.Fatalf("exit %d: a strict profile without its layers was not refused with their names\n%s", code, strict.out)
	}
}

// TestMetricsAreServed asks the socket's /metrics after a call and a restart, and looks for every name of
// the table.
func TestMetricsAreServed(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	r.expect("a", "ok", "null", `"ok"`)
	if err := syscall.Kill(r.pid("a"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.answers("a")
	if _, err := r.c.Restart(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	b := r.metrics()
	for _, m := range metrics.All {
		if !strings.Contains(b, "\n"+m.Name) && !strings.HasPrefix(b, "# HELP "+m.Name) {
			t.Errorf("%s is in the table and not served", m.Name)
		}
	}
	r.serves(`fnode_actor_restarts_total{reason="failed"} 1`, `fnode_actor_restarts_total{reason="shutdown"} 1`, `fnode_engine_exits_total{reason="signal"} 1`,
		`fnode_invoke_seconds_count{outcome="done"}`, `fnode_cancel_latency_seconds_count{phase="drain"} 1`)
	r.stop()
}
