package isolation

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var instances atomic.Int64

// freshInstance gives an id that no other test, run or process uses.
func freshInstance() string {
	return fmt.Sprintf("t%d_%d", os.Getpid(), instances.Add(1))
}

// open gives a manager and checks at the end of the test that nothing of it is left.
func open(t *testing.T, o Options) *Manager {
	t.Helper()
	if o.InstanceID == "" {
		o.InstanceID = freshInstance()
	}
	m, _, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		for _, dir := range m.CgroupDirs() {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", dir, err)
			}
		}
	})
	return m
}

// start gives a running child.
func start(t *testing.T, m *Manager, s Spec) *Child {
	t.Helper()
	if s.Name == "" {
		s.Name = t.Name()
	}
	if s.Path == "" {
		s.Path = engine
	}
	if s.Profile == "" {
		s.Profile = "strict"
	}
	c, err := m.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends one command and reads its one-line answer.
func say(c *Child, format string, args ...any) (string, error) {
	tell(c, format, args...)
	var line []byte
	b := make([]byte, 1)
	for {
		if _, err := c.Stdout().Read(b); err != nil {
			return string(line), err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

// tell sends one command.
func tell(c *Child, format string, args ...any) {
	fmt.Fprintf(c.Stdin(), format+"\n", args...)
}

// needCgroups skips where the host lets us make no limited groups.
func needCgroups(t *testing.T) {
	t.Helper()
	for c, by := range Probe().Controllers {
		if by != "v1" && by != "v2" {
			t.Skipf("needs: a writable cgroup controller %s (%s)", c, by)
		}
	}
}

// needNamespaces skips where no namespace can be made.
func needNamespaces(t *testing.T) {
	t.Helper()
	if !Probe().UserNS {
		t.Skip("needs: user namespaces")
	}
}

// rerunAs runs one test of this binary as another user and passes its verdict on.
func rerunAs(t *testing.T, uid int, test string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs: root, to become another user")
	}
	home := t.TempDir()
	if err := os.Chown(home, uid, uid); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(shared, "isolation.test"), "-test.run=^"+test+"$", "-test.v", "-test.count=1")
	cmd.Dir = "/"
	cmd.Env = []string{engineEnv + "=" + engine, "TMPDIR=" + home, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := cmd.CombinedOutput()
	t.Logf("as uid %d:\n%s", uid, out)
	if err != nil {
		t.Fatalf("as uid %d: %v", uid, err)
	}
	if !strings.Contains(string(out), "--- PASS: "+test) {
		t.Fatalf("as uid %d the test did not run", uid)
	}
}

// other is a manager in a process of its own.
type other struct {
	cmd    *exec.Cmd
	pids   []int
	groups []string
	reaped int
}

// startOther runs playManager and waits for its ready line.
func startOther(t *testing.T, instance string) *other {
	t.Helper()
	o := &other{cmd: exec.Command(filepath.Join(shared, "isolation.test"))}
	o.cmd.Env = append(os.Environ(), roleEnv+"=manager", engineEnv+"="+engine, "FNODE_ISOLATION_INSTANCE="+instance)
	o.cmd.Stderr = os.Stderr
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "engine":
			var pid int
			fmt.Sscan(rest, &pid)
			o.pids = append(o.pids, pid)
		case "group":
			o.groups = append(o.groups, rest)
		case "reaped":
			fmt.Sscan(rest, &o.reaped)
		case "ready":
			return o
		case "error":
			t.Fatalf("the other manager: %s", rest)
		}
	}
	t.Fatal("the other manager ended early")
	return nil
}

func (o *other) kill() {
	if o.cmd.ProcessState == nil {
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return unix.Kill(pid, 0) == nil && !strings.HasPrefix(after, "Z")
}
