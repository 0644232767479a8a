package isolation

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// roleEnv makes the test binary play a part in another process; engineEnv tells it the built engine.
const (
	roleEnv   = "FNODE_ISOLATION_ROLE"
	engineEnv = "FNODE_ISOLATION_ENGINE"
)

var (
	engine string // the built probe engine
	shared string // a directory that every user may read, with the engine and a copy of this binary
)

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "manager" {
		playManager()
	}
	if os.Getenv(roleEnv) == "delegate" {
		playDelegate()
	}
	if engine = os.Getenv(engineEnv); engine != "" {
		shared = filepath.Dir(engine)
		goleak.VerifyTestMain(m)
	}
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(shared)
		os.Exit(code)
	}))
}

// build makes the probe engine and copies this test binary beside it, for other users to run.
func build() (err error) {
	if shared, err = os.MkdirTemp("", "fnode-isolation-"); err != nil {
		return err
	}
	if err := os.Chmod(shared, 0o755); err != nil {
		return err
	}
	engine = filepath.Join(shared, "probeengine")
	cmd := exec.Command("go", "build", "-o", engine, "./internal/probeengine")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build of the probe engine: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return copyFile(self, filepath.Join(shared, "isolation.test"))
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer dst.Close()
	_, err = io.Copy(dst, src)
	return err
}

// playManager opens a manager, starts two engines that do not notice the end of their input, says
// where everything is, and waits to be killed.
func playManager() {
	engine = os.Getenv(engineEnv)
	ctx := context.Background()
	instance := os.Getenv("FNODE_ISOLATION_INSTANCE")
	m, reaped, err := Open(ctx, Options{InstanceID: instance, AllowDegraded: true})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("reaped", len(reaped))
	for i := range 2 {
		c, err := m.Start(ctx, Spec{Name: fmt.Sprint("deaf", i), Path: engine, Args: []string{instance}, Profile: "strict"})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		say(c, "fork 3")
		say(c, "deaf")
		fmt.Println("engine", c.PID())
	}
	for _, d := range m.CgroupDirs() {
		fmt.Println("group", d)
	}
	fmt.Println("ready")
	for {
		_ = unix.Pause()
	}
}

// playDelegate is what an administrator does for an ordinary user: it steps into groups that belong to
// that user, becomes the user, and runs the test named by its arguments.
func playDelegate() {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("FNODE_ISOLATION_GROUPS")) {
		fail(os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(os.Getpid())), 0))
	}
	fail(unix.Setgroups(nil))
	fail(syscall.Setgid(nobody))
	fail(syscall.Setuid(nobody))
	self := filepath.Join(filepath.Dir(os.Getenv(engineEnv)), "isolation.test")
	env := []string{engineEnv + "=" + os.Getenv(engineEnv), "TMPDIR=" + os.Getenv("TMPDIR"), "PATH=/usr/bin:/bin"}
	fail(syscall.Exec(self, os.Args, env))
}

// eventually polls until cond holds.
func eventually(t *testing.T, within time.Duration, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
