package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	"github.com/franken-node/fnode-supervisor/isolation"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// bin is where TestMain builds the daemon and the engine.
var bin string

func TestMain(m *testing.M) {
	if os.Getenv("FNODE_ECHO") != "" {
		echoForEver()
		return
	}
	if bin = os.Getenv("FNODE_TEST_BIN"); bin != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "fnode-test-bin")
	if err != nil {
		panic(err)
	}
	bin = dir
	build := exec.Command("go", "build", "-trimpath", "-o", dir, "github.com/franken-node/fnode-supervisor/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("build: %v\n%s", err, out)
		os.Exit(1)
	}
	_ = os.Chmod(dir, 0o755) //nolint:gosec // another user has to reach the binaries
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// rig is one daemon process.
type rig struct {
	t    testing.TB
	dir  string // data, socket, extensions
	sock string
	cmd  *exec.Cmd
	out  *output
	c    *api.Client
	done chan error // capacity 1: the end of the process
	user *syscall.Credential
	args []string

	attr   syscall.SysProcAttr // of the process; zero: an ordinary child
	stdin  *os.File            // nil: none
	stderr *os.File            // nil: out collects it

	strict bool // without --allow-degraded
}

// output collects what the daemon says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// write puts an extension into the rig: plain JavaScript, all exported functions are methods.
func (r *rig) write(name, fnode, src string) {
	r.t.Helper()
	dir := filepath.Join(r.dir, "ext", name)
	manifest := fmt.Sprintf(`{"name":%q,"version":"1.0.0","type":"module","main":"index.js","fnode":%s}`, name, fnode)
	err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "package.json"), []byte(manifest), 0o644),
		os.WriteFile(filepath.Join(dir, "index.js"), []byte(src), 0o644))
	if err != nil {
		r.t.Fatal(err)
	}
}

// link puts one of the examples into the rig.
func (r *rig) link(names ...string) {
	r.t.Helper()
	for _, n := range names {
		from, err := filepath.Abs(filepath.Join("..", "..", "examples", n))
		if err != nil {
			r.t.Fatal(err)
		}
		to := filepath.Join(r.dir, "ext", n)
		if r.user != nil {
			err = os.CopyFS(to, os.DirFS(from)) // another user may not reach the checkout
		} else {
			err = os.Symlink(from, to)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func newRig(t testing.TB) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "fnode-test")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, sock: filepath.Join(dir, "api.sock")}
	if err := errors.Join(os.Chmod(dir, 0o755), os.MkdirAll(filepath.Join(dir, "ext"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("FNODE_AS_USER") != "" {
		r.user = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		r.kill()
		id := isolation.InstanceOf(filepath.Join(dir, "data"))
		if len(groups(id)) > 0 { // what a killed daemon left: reap it as the next start would
			if m, _, err := isolation.Open(context.Background(), isolation.Options{InstanceID: id}); err == nil {
				_ = m.Close(context.Background())
			}
		}
		_ = os.RemoveAll(dir)
	})
	return r
}

// start runs the daemon without waiting for anything.
func (r *rig) start(more ...string) {
	r.t.Helper()
	args := append([]string{"run", "--data", filepath.Join(r.dir, "data"), "--socket", r.sock}, r.args...)
	if !r.strict {
		args = append(args, "--allow-degraded")
	}
	if len(r.args) == 0 && !slices.Contains(more, "--config") {
		args = append(args, "--extensions", filepath.Join(r.dir, "ext"))
	}
	r.cmd = exec.Command(filepath.Join(bin, "fnode-supervisor"), append(args, more...)...)
	r.out = &output{}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	if r.stdin != nil {
		r.cmd.Stdin = r.stdin
	}
	if r.stderr != nil {
		r.cmd.Stderr = r.stderr
	}
	r.cmd.SysProcAttr = &r.attr
	if r.user != nil {
		r.attr.Credential = r.user
		r.cmd.Env = []string{"HOME=" + r.dir, "PATH=/usr/bin:/bin"}
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.done = make(chan error, 1)
	go func() { r.done <- r.cmd.Wait() }() // owner: the cleanup receives; ends: the process ends
	r.c = api.Dial(r.sock)
}

// up starts the daemon and waits until it is ready.
func (r *rig) up(more ...string) *rig {
	r.t.Helper()
	r.start(more...)
	r.eventually("ready", func() bool {
		s, err := r.c.Status(r.ctx())
		return err == nil && s.Ready
	})
	return r
}

func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition of the real world.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s\n%s", what, r.out)
		}
	}
}

// end waits for the process and gives its exit code.
func (r *rig) end() int {
	r.t.Helper()
	select {
	case <-r.done:
		r.done <- nil
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		r.t.Fatalf("the daemon does not end\n%s", r.out)
		return -1
	}
}

func (r *rig) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// stop ends the daemon in order and checks that it proved so.
func (r *rig) stop() {
	r.t.Helper()
	r.signal(syscall.SIGTERM)
	if code := r.end(); code != 0 || !strings.Contains(r.out.String(), "left nothing") {
		r.t.Fatalf("exit %d\n%s", code, r.out)
	}
}

func (r *rig) kill() {
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.done
	r.done <- nil
}

func (r *rig) node(path string) api.Node {
	r.t.Helper()
	tree, err := r.c.Tree(r.ctx())
	if err != nil {
		r.t.Fatal(err, r.out)
	}
	n, ok := api.Reduce(tree).Find(path)
	if !ok {
		r.t.Fatalf("no %s in the tree", path)
	}
	return *n
}

func (r *rig) pid(ext string) int {
	r.t.Helper()
	n := r.node("sup/ext/" + ext)
	if n.Engine == nil {
		return 0
	}
	return n.Engine.PID
}

func (r *rig) invoke(ext, method, arg string) (string, error) {
	res, err := r.c.Invoke(r.ctx(), api.InvokeRequest{Path: "sup/ext/" + ext, Method: method, Args: json.RawMessage(arg)})
	return string(res.Result), err
}

func (r *rig) expect(ext, method, arg, want string) {
	r.t.Helper()
	if got, err := r.invoke(ext, method, arg); err != nil || got != want {
		r.t.Fatalf("%s %s: %q %v\n%s", ext, method, got, err, r.out)
	}
}

// answers waits until an extension answers again.
func (r *rig) answers(ext string) {
	r.t.Helper()
	r.eventually(ext+" answers again", func() bool {
		got, err := r.invoke(ext, "ok", "null")
		return err == nil && got == `"ok"`
	})
}

// refused gives the coded error of a call that has to fail.
func (r *rig) refused(ext, method, arg string, want *codes.Code) *codes.Error {
	r.t.Helper()
	got, err := r.invoke(ext, method, arg)
	c := codes.From(err)
	if c == nil || c.Code.ID != want.ID {
		r.t.Fatalf("%s %s: %q, %v; want %s\n%s", ext, method, got, err, want.Name, r.out)
	}
	return c
}

// metrics is what the socket's /metrics says.
func (r *rig) metrics() string {
	r.t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", r.sock)
	}}}
	res, err := c.Get("http://fnode/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatal(res.Status, err)
	}
	return string(b)
}

// serves checks that the metrics have these lines, or begin with them.
func (r *rig) serves(lines ...string) {
	r.t.Helper()
	for b := r.metrics(); len(lines) > 0; lines = lines[1:] {
		if !strings.Contains(b, lines[0]) {
			r.t.Errorf("no %s in\n%s", lines[0], b)
		}
	}
}

func firstLine(text, prefix string) string {
	for _, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// groups lists what is left of our cgroups, by the instance of the rig's data directory.
func groups(id string) (out []string) {
	for _, root := range []string{"/sys/fs/cgroup"} {
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
				out = append(out, path)
			}
			return nil
		})
	}
	return out
}
