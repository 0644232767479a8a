package isolation

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMemoryDeathIsToldApartFromOurKill(t *testing.T) {
	needCgroups(t)
	m := open(t, Options{AllowDegraded: true})
	hog := start(t, m, Spec{})
	tell(hog, "alloc 200")
	if d := hog.Wait(); d.Cause != CauseOOM || d.OOMKills == 0 {
		t.Errorf("hog of 200 MiB in 64 MiB: %v, %+v", d, d)
	}
	quiet := start(t, m, Spec{})
	if got, err := say(quiet, "alloc 20"); got != "allocated 20" {
		t.Fatal(got, err)
	}
	if u := quiet.Usage(); u.Memory < 20<<20 || u.Memory > 64<<20 || u.CPU == 0 || u.Tasks == 0 {
		t.Errorf("usage %+v", u)
	}
	quiet.Kill("deadline")
	quiet.Kill("too late")
	if d := quiet.Wait(); d.String() != "killed(deadline)" || d.OOMKills != 0 {
		t.Errorf("got %v, %+v", d, d)
	}
}

func TestExitAndForeignSignalAreTold(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{})
	tell(c, "exit 7")
	if d := c.Wait(); d.String() != "exit(7)" {
		t.Errorf("got %v", d)
	}
	c = start(t, m, Spec{})
	p, err := os.FindProcess(c.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if d := c.Wait(); d.String() != "signal(killed)" {
		t.Errorf("kill -9 by somebody: got %v", d)
	}
	c = start(t, m, Spec{})
	c.Stdin().Close()
	if d := c.Wait(); d.String() != "exit(0)" {
		t.Errorf("end of input: got %v", d)
	}
}

func TestPidsLimitStopsForkBomb(t *testing.T) {
	needCgroups(t)
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{Limits: Limits{Pids: 20}})
	got, err := say(c, "fork 500")
	if err != nil {
		t.Fatal(err)
	}
	var made int
	if fmt.Sscanf(got, "forked %d", &made); made < 2 || made >= 20 || !strings.Contains(got, "resource temporarily unavailable") {
		t.Errorf("got %q", got)
	}
	if u := c.Usage(); u.Tasks > 20 {
		t.Errorf("%d tasks in a group of 20", u.Tasks)
	}
}

func TestCPULimitHolds(t *testing.T) {
	needCgroups(t)
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{Limits: Limits{CPU: 0.1}})
	tell(c, "spin")
	began := time.Now()
	before := c.Usage().CPU
	timer := time.NewTimer(800 * time.Millisecond)
	<-timer.C
	used, took := c.Usage().CPU-before, time.Since(began)
	share := used.Seconds() / took.Seconds()
	if share > 0.25 || share < 0.01 {
		t.Errorf("a limit of 0.1 core let it use %.2f (%v in %v)", share, used, took)
	}
}

func TestKillEndsTreeOf24(t *testing.T) {
	needNamespaces(t)
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{Profile: "moderate", Limits: Limits{Pids: 60}})
	got, err := say(c, "fork 23")
	if got != "forked 23 <nil>" {
		t.Fatal(got, err)
	}
	began := time.Now()
	c.Kill("test")
	d := c.Wait()
	took := time.Since(began)
	if d.Cause != CauseKilled || took > 500*time.Millisecond {
		t.Errorf("%v after %v", d, took)
	}
	if c.group != nil {
		if in := c.Usage().Tasks; in != 0 && in != 1 { // 1: the spawner's thread on its way out
			t.Errorf("%d tasks are left in the group", in)
		}
	}
	t.Logf("24 processes gone in %v", took)
}

func TestStderrFloodIsBoundedAndTailKept(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{})
	if got, err := say(c, "stderr 3"); got != "flooded 3" {
		t.Fatal(got, err)
	}
	tell(c, "exit 0")
	c.Wait()
	if got := c.StderrBytes(); got != 3<<20 {
		t.Errorf("%d bytes read, want %d", got, 3<<20)
	}
	if last := c.StderrTail(); len(last) != tailSize || strings.Trim(string(last), "x\n") != "" {
		t.Errorf("tail of %d bytes", len(last))
	}
}

func TestCloseLeavesNoProcessAndNoGroup(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	var pids []int
	for range 3 {
		c := start(t, m, Spec{})
		pids = append(pids, c.PID())
	}
	dirs := m.CgroupDirs()
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d lives", pid)
		}
	}
	for _, d := range dirs {
		if _, err := os.Stat(d); err == nil {
			t.Errorf("%s is left", d)
		}
	}
	if _, err := m.Start(t.Context(), Spec{Name: "late", Path: engine, Profile: "strict"}); err == nil {
		t.Error("a closed manager started something")
	}
}

func TestStartHonoursCancel(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := m.Start(ctx, Spec{Name: "mute", Path: engine, Args: []string{"mute"}, Profile: "strict"})
	if err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestParallelStartsAreAllWhole(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	want := start(t, m, Spec{}).Attained()
	results := make(chan []Layer, 8) // capacity: one per start; never closed
	for range cap(results) {
		// owner: this test by results; ends: when its child is closed.
		go func() {
			c, err := m.Start(context.Background(), Spec{Name: "parallel", Path: engine, Profile: "strict"})
			if err != nil {
				t.Error(err)
				results <- nil
				return
			}
			got := c.Attained()
			if err := c.Close(context.Background()); err != nil {
				t.Error(err)
			}
			results <- got
		}()
	}
	for range cap(results) {
		if got := <-results; !slices.Equal(got, want) {
			t.Errorf("attained %v, want %v", got, want)
		}
	}
}
