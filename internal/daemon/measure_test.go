package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/engineproc"
	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/isolation"
)

// bed runs extension actors in this process, in real sandboxes.
type bed struct {
	t   *testing.T
	sys *actors.System
	l   engineproc.Launcher
	n   int
}

func newBed(t *testing.T) *bed {
	m, _, err := isolation.Open(t.Context(), isolation.Options{InstanceID: isolation.InstanceOf(t.TempDir()), AllowDegraded: true})
	if err != nil {
		t.Fatal(err)
	}
	h := host.New(host.Options{})
	t.Cleanup(func() {
		_, err := h.Shutdown(context.Background(), base.ReasonShutdown, time.Second)
		if err2 := m.Close(context.Background()); err != nil || err2 != nil {
			t.Error(err, err2)
		}
	})
	return &bed{t: t, sys: h.System(), l: &engineproc.Sandboxed{Manager: m, Path: filepath.Join(bin, "fnode-engine")}}
}

func (b *bed) start(src string, methods ...string) actors.Ref {
	b.t.Helper()
	b.n++
	cfg := extension.Config{Name: fmt.Sprint("x", b.n), Version: "1.0.0", Bundle: src, Methods: methods, Profile: "strict"}
	ref, err := b.sys.Spawn(actors.Child{Name: cfg.Name, Doors: true, Behaviour: extension.New(cfg, extension.Deps{Launcher: b.l})})
	if err != nil {
		b.t.Fatal(err)
	}
	return ref
}

func (b *bed) call(ref actors.Ref, method, arg string) {
	b.t.Helper()
	q := extension.Invoke{Method: method, Input: json.RawMessage(arg), Timeout: 10 * time.Second}
	if _, err := actors.Call[extension.Invoke, extension.Result](b.t.Context(), b.sys, ref, q); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) stop(ref actors.Ref) {
	gone := make(chan struct{}, 1)
	b.sys.OnRetired(ref, func(actors.Exit) { gone <- struct{}{} })
	if err := b.sys.StopFromOutside(ref, base.ReasonUser); err != nil {
		b.t.Fatal(err)
	}
	<-gone
}

func quantiles(ds []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(ds)
	return ds[len(ds)/2], ds[len(ds)*99/100]
}

// idle waits as a host does between two starts.
func idle(d time.Duration) { <-time.After(d) }

// TestMeasure prints the figures of docs/performance.md. Pairs are interleaved in one run.
func TestMeasure(t *testing.T) {
	if os.Getenv("FNODE_MEASURE") == "" {
		t.Skip("needs: FNODE_MEASURE=1, on a quiet machine")
	}
	t.Run("cold start", measureColdStart)
	t.Run("warm invoke", measureInvoke)
	t.Run("idle memory", measureMemory)
}

const tiny = `var __fnode_exports={ok:()=>"ok",echo:(x)=>x};`

func measureColdStart(t *testing.T) {
	b := newBed(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs: node")
	}
	var ours, peer []time.Duration
	for range 40 {
		idle(50 * time.Millisecond)
		began := time.Now()
		ref := b.start(tiny, "ok", "echo")
		b.call(ref, "ok", "null")
		ours = append(ours, time.Since(began))
		b.stop(ref)
		idle(50 * time.Millisecond)
		began = time.Now()
		if err := exec.Command(node, "-e", "0").Run(); err != nil {
			t.Fatal(err)
		}
		peer = append(peer, time.Since(began))
	}
	p50, p99 := quantiles(ours)
	q50, q99 := quantiles(peer)
	t.Logf("strict cold start to the first result p50 %s p99 %s; node -e 0 p50 %s p99 %s; ratio of p50 %.2f", p50, p99, q50, q99, float64(p50)/float64(q50))
}

func measureInvoke(t *testing.T) {
	b := newBed(t)
	ref := b.start(tiny, "ok", "echo")
	arg := `"` + string(make200()) + `"`
	echo := startEcho(t)
	var ours, peer []time.Duration
	for round := range 12 {
		for range 500 {
			began := time.Now()
			b.call(ref, "echo", arg)
			if round > 1 {
				ours = append(ours, time.Since(began))
			}
		}
		for range 500 {
			began := time.Now()
			echo(arg)
			if round > 1 {
				peer = append(peer, time.Since(began))
			}
		}
	}
	p50, p99 := quantiles(ours)
	q50, q99 := quantiles(peer)
	t.Logf("warm invoke of 200 B through actor, pipe and engine p50 %s p99 %s; raw pipe echo p50 %s p99 %s; ratios %.1f and %.1f",
		p50, p99, q50, q99, float64(p50)/float64(q50), float64(p99)/float64(q99))
}

func make200() []byte {
	b := make([]byte, 198)
	for i := range b {
		b[i] = 'x'
	}
	return b
}

// startEcho starts this test binary as a process that echoes blocks of 200 bytes.
func startEcho(t *testing.T) func(string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FNODE_ECHO=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	back := make([]byte, 200)
	return func(s string) {
		if _, err := io.WriteString(in, s); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, back); err != nil {
			t.Fatal(err)
		}
	}
}

func echoForEver() {
	b := make([]byte, 200)
	for {
		if _, err := io.ReadFull(os.Stdin, b); err != nil {
			return
		}
		if _, err := os.Stdout.Write(b); err != nil {
			return
		}
	}
}

func measureMemory(t *testing.T) {
	b := newBed(t)
	code := tiny
	if p, err := pack.Pack(t.Context(), filepath.Join("..", "..", "examples", "markdown")); err == nil {
		code = string(p.Bundle)
		ref := b.start(code, "render")
		b.call(ref, "render", `{"text":"# hi"}`)
		t.Logf("idle memory of markdown (%d KB of bundle): %d KiB by its cgroup", len(code)>>10, b.rss(ref)>>10)
	}
	var all []int64
	for range 10 {
		ref := b.start(tiny, "ok", "echo")
		b.call(ref, "ok", "null")
		all = append(all, b.rss(ref))
	}
	slices.Sort(all)
	t.Logf("idle memory of a tiny extension: median %d KiB by its cgroup", all[len(all)/2]>>10)
}

func (b *bed) rss(ref actors.Ref) int64 {
	for _, a := range b.sys.Snapshot() {
		if v, ok := a.View.(extension.View); ok && a.Path == ref.Path() {
			return v.Usage().RSS
		}
	}
	return 0
}
