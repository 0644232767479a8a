package isolation

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// TestMeasure prints the figures of docs/isolation.md; it runs only when asked to.
func TestMeasure(t *testing.T) {
	if os.Getenv("FNODE_MEASURE") == "" {
		t.Skip("needs: FNODE_MEASURE=1, on a quiet machine")
	}
	m := open(t, Options{AllowDegraded: true})
	bare := func() time.Duration { return run(t, exec.Command(engine, "early")) }
	strict := func() time.Duration { d, _ := cycle(t, m); return d }
	// Interleaved, so that the noise of the machine meets both.
	var strictFast, strictIdle, bareFast, bareIdle, kill []time.Duration
	for range 100 {
		strictFast = append(strictFast, strict())
		bareFast = append(bareFast, bare())
	}
	for range 60 {
		idle(30 * time.Millisecond)
		strictIdle = append(strictIdle, strict())
		idle(30 * time.Millisecond)
		bareIdle = append(bareIdle, bare())
	}
	for range 50 {
		c := start(t, m, Spec{Profile: "moderate"})
		if got, err := say(c, "fork 23"); got != "forked 23 <nil>" {
			t.Fatal(got, err)
		}
		began := time.Now()
		c.Kill("measure")
		c.Wait()
		kill = append(kill, time.Since(began))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	report(t, "strict, spawn to report, back to back", strictFast)
	report(t, "the same program bare, spawn to exit, back to back", bareFast)
	report(t, "strict, spawn to report, 30 ms idle before", strictIdle)
	report(t, "the same program bare, spawn to exit, 30 ms idle before", bareIdle)
	report(t, "kill of a tree of 24 until its death is judged", kill)
}

// cycle starts and ends one strict engine; it tells the time to the confirmed report.
func cycle(t *testing.T, m *Manager) (time.Duration, time.Duration) {
	began := time.Now()
	c := start(t, m, Spec{})
	born := time.Since(began)
	began = time.Now()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return born, time.Since(began)
}

func run(t *testing.T, cmd *exec.Cmd) time.Duration {
	began := time.Now()
	_ = cmd.Run() // it ends with code 7
	if cmd.ProcessState == nil {
		t.Fatal("did not start")
	}
	return time.Since(began)
}

func idle(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func report(t *testing.T, what string, ds []time.Duration) {
	slices.Sort(ds)
	at := func(q float64) time.Duration { return ds[int(q*float64(len(ds)-1))].Round(10 * time.Microsecond) }
	fmt.Printf("%-58s n %3d  min %8v  p50 %8v  p99 %8v\n", what, len(ds), at(0), at(0.5), at(0.99))
}
