package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/franken-node/fnode-supervisor/engineproc/engine"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer plays the supervisor over two pipes.
type peer struct {
	t      testing.TB
	w      *wire.Writer
	r      *wire.Reader
	in     io.Closer
	end    chan error
	logs   []string
	kv     map[string]json.RawMessage
	host   int  // host calls seen
	spent  bool // it said so
	credit bool // host calls get their credit back
}

func start(t testing.TB, credit uint64) *peer {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p := &peer{t: t, w: wire.NewWriter(inW, wire.Limits{}), r: wire.NewReader(outR, wire.Limits{}), in: inW, end: make(chan error, 1), kv: map[string]json.RawMessage{}}
	go func() { // owner: the cleanup receives from end; ends: the input is closed
		err := engine.Run(inR, outW, engine.Options{})
		_ = outW.Close()
		p.end <- err
	}()
	t.Cleanup(func() {
		_ = inW.Close()
		go func() { _, _ = io.Copy(io.Discard, outR) }() // owner: nobody needs to; ends: outW is closed
		if err := <-p.end; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Log("engine ended with", err)
		}
	})
	p.ask(wire.Handshake, 0, wire.HandshakeRequest{Protocol: wire.Version, Interface: wire.InterfaceHash, MaxFrame: 1 << 20, Heap: 32 << 20, Stack: 2000, Result: 1 << 20})
	p.send(wire.Frame{Type: wire.Credit, Name: wire.CreditLog, Num: credit})
	p.send(wire.Frame{Type: wire.Credit, Name: wire.CreditHost, Num: credit})
	return p
}

func (p *peer) send(f wire.Frame) uint64 {
	p.t.Helper()
	id, err := p.w.Send(f)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// ask sends a request and serves logs and host calls until its answer.
func (p *peer) ask(method string, ms uint64, v any) wire.Frame {
	p.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.await(p.send(wire.Frame{Type: wire.Request, Name: method, Num: ms, Data: data}))
}

func (p *peer) await(id uint64) wire.Frame {
	p.t.Helper()
	for {
		f, err := p.r.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.Type {
		case wire.Log:
			p.logs = append(p.logs, f.Text)
		case wire.HostCall:
			p.serve(f)
		case wire.Event:
			p.spent = p.spent || f.Name == wire.EventSpent
		case wire.Reply, wire.Error:
			if f.Re != id {
				p.t.Fatalf("an answer to %d, not to %d", f.Re, id)
			}
			return f
		}
	}
}

func (p *peer) serve(f wire.Frame) {
	p.host++
	var q struct {
		Key, Prefix string
		Value       json.RawMessage
	}
	if err := json.Unmarshal(f.Data, &q); err != nil {
		p.t.Fatal(err)
	}
	r := wire.Frame{Type: wire.HostReply, Re: f.ID, OK: true}
	if q.Key == "refused" {
		r.OK, r.Name, r.Data = false, "quota_exceeded", []byte("no room")
		p.send(r)
		return
	}
	switch f.Name {
	case "kv.get":
		r.Data = p.kv[q.Key]
	case "kv.set":
		p.kv[q.Key] = q.Value
	}
	p.send(r)
	if p.credit {
		p.send(wire.Frame{Type: wire.Credit, Name: wire.CreditHost, Num: 1})
	}
}

func (p *peer) load(bundle string, methods ...string) wire.Frame {
	p.t.Helper()
	return p.ask(wire.Configure, 0, wire.ConfigureRequest{Name: "t", Version: "1.0.0", Bundle: bundle, Methods: methods, Seed: 7})
}

// module wraps function declarations as a bundle that exports them.
func module(names, src string) string {
	return "var __fnode_exports=(function(){" + src + ";return {" + names + "}})();"
}

func (p *peer) invoke(method, input string, ms uint64) wire.Frame {
	p.t.Helper()
	return p.ask(wire.Invoke, ms, wire.InvokeRequest{Method: method, Input: json.RawMessage(input), Call: "c1"})
}

func ready(t testing.TB, names, src string) *peer {
	t.Helper()
	p := start(t, 1000)
	if f := p.load(module(names, src), strings.Split(names, ",")...); f.Type != wire.Reply {
		t.Fatalf("load: %+v", f)
	}
	return p
}

func TestInvokeAnswersValuesAndPromises(t *testing.T) {
	p := ready(t, "add,later,echo", `
		function add(q){ return q.a + q.b }
		async function later(q){ await new Promise(r => setTimeout(r, 5)); return {got: q} }
		function echo(q, ctx){ return [q, typeof ctx.signal, ctx.callId] }`)
	for _, row := range []struct{ method, in, want string }{
		{"add", `{"a":1,"b":2}`, `3`},
		{"later", `"x"`, `{"got":"x"}`},
		{"echo", `null`, `[null,"object","c1"]`},
	} {
		if f := p.invoke(row.method, row.in, 1000); f.Type != wire.Reply || string(f.Data) != row.want {
			t.Errorf("%s: %+v %s", row.method, f, f.Data)
		}
	}
}

func TestFailuresHaveTheirKind(t *testing.T) {
	p := ready(t, "thrown,rejected,stalled,deep,huge,loop,timer", `
		function thrown(){ throw new TypeError("no way") }
		async function rejected(){ throw "plain" }
		function stalled(){ return new Promise(() => {}) }
		function deep(){ return deep() + 1 }
		function huge(){ return "x".repeat(2000000) }
		function loop(){ for(;;); }
		function timer(){ return new Promise(() => setTimeout(() => { throw new Error("late") }, 1)) }`)
	for _, row := range []struct{ method, kind, text string }{
		{"thrown", wire.KindThrow, "TypeError: no way"},
		{"rejected", wire.KindThrow, "plain"},
		{"stalled", wire.KindStalled, "cannot settle"},
		{"deep", wire.KindStack, "stack overflow"},
		{"huge", wire.KindResultSize, "2000002"},
		{"loop", wire.KindDeadline, "deadline"},
		{"timer", wire.KindThrow, "late"},
		{"none", wire.KindNoMethod, "none"},
	} {
		began := time.Now()
		ms := uint64(5000)
		if row.kind == wire.KindDeadline {
			ms = 100
		}
		f := p.invoke(row.method, "{}", ms)
		if f.Type != wire.Error || f.Name != row.kind || !strings.Contains(f.Text, row.text) {
			t.Errorf("%s: %s %s %q", row.method, f.Type, f.Name, f.Text)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s took %s", row.method, d)
		}
	}
	f := p.invoke("thrown", "{}", 100)
	if !strings.Contains(f.Stack, "bundle.js:2:") || strings.Count(f.Stack, "    at ") != 1 {
		t.Errorf("the author's frames and no other: %q", f.Stack)
	}
}

func TestOutOfMemoryRetiresTheInstance(t *testing.T) {
	p := ready(t, "eat,ok", `function eat(){ const a = []; for(;;) a.push("x".repeat(1000) + a.length) } function ok(){ return 1 }`)
	if f := p.invoke("eat", "{}", 5000); f.Type != wire.Error || f.Name != wire.KindOOM {
		t.Fatalf("%+v", f)
	}
	if f := p.invoke("ok", "{}", 100); f.Name != wire.KindOOM {
		t.Fatalf("a spent instance answered: %+v", f)
	}
}

func TestOutOfMemoryThatTheCodeHidesRetiresTheInstanceToo(t *testing.T) {
	for name, eat := range map[string]string{
		"many small": `const a = []; for(;;) a.push("x".repeat(1000) + a.length)`,
		"one large":  `new Uint8Array(1 << 30)`,
		"growing":    `let s = "x"; for(;;) { s += s + s.length; s.indexOf("z") }`,
	} {
		t.Run(name, func(t *testing.T) {
			p := ready(t, "eat,ok", `function eat(){ try { `+eat+` } catch { return "fine" } } function ok(){ return 1 }`)
			p.spent = false
			if f := p.invoke("eat", "{}", 5000); f.Type != wire.Reply || !p.spent {
				t.Fatalf("spent %v, %+v", p.spent, f)
			}
			if f := p.invoke("ok", "{}", 100); f.Name != wire.KindOOM {
				t.Fatalf("a spent instance answered: %+v", f)
			}
		})
	}
}

func TestAStackShowsTheAuthorsFramesAndNoShims(t *testing.T) {
	p := ready(t, "key,clone,made,logged", `
		const kv = __fnode_host("kv");
		async function key(){ await kv.set("", 1) }
		function clone(){ structuredClone(() => 1) }
		function made(){ new Function("throw new Error('made')")() }
		function logged(){ console.error(new RangeError("far")) }`)
	for _, row := range []struct{ method, want string }{
		{"key", "    at key (bundle.js:3:"}, {"clone", "    at clone (bundle.js:4:"}, {"made", "    at anonymous (<input>:3:16)\n    at made (bundle.js:5:"},
	} {
		f := p.invoke(row.method, "{}", 1000)
		if !strings.HasPrefix(f.Stack, row.want) || strings.Contains(f.Stack, "eval") {
			t.Errorf("%s: %q %q, want one that begins with %q", row.method, f.Text, f.Stack, row.want)
		}
	}
	p.invoke("logged", "{}", 1000)
	if text := strings.Join(p.logs, "\n"); !strings.Contains(text, "far") || !strings.Contains(text, "at logged (bundle.js:6:") {
		t.Errorf("log %q", text)
	}
	if f := start(t, 1).load("var a = 1;\nvar b = ;\n"); !strings.Contains(f.Stack, "bundle.js:2:") {
		t.Errorf("a syntax error stands at %q %q", f.Text, f.Stack)
	}
}

func TestAHostCallBelongsToItsCall(t *testing.T) {
	p := start(t, 1000)
	p.kv["greeting"] = json.RawMessage(`"hello"`)
	f := p.load(module("leave,wait,first", `
		const kv = __fnode_host("kv");
		const atLoad = kv.get("greeting");
		let left;
		function leave(){ left = kv.get("greeting"); left.catch(() => {}); return "left" }
		async function wait(){ try { return await left } catch (e) { return e.name + " " + e.code } }
		async function first(){ return await atLoad }`), "leave", "wait", "first")
	if f.Type != wire.Reply {
		t.Fatalf("load: %+v", f)
	}
	for _, row := range [][2]string{{"first", `"hello"`}, {"leave", `"left"`}, {"wait", `"HostError call_ended"`}} {
		if f := p.invoke(row[0], "{}", 2000); string(f.Data) != row[1] {
			t.Errorf("%s: %s %s, want %s", row[0], f.Data, f.Text, row[1])
		}
	}
}

func TestManyHostCallsAtOnceAreAllAnswered(t *testing.T) {
	p := start(t, 16) // as much credit as the supervisor gives; it comes back with each answer
	p.credit = true
	f := p.load(module("many,tooMany", `
		const kv = __fnode_host("kv");
		async function many(n){ const all = []; for (let i = 0; i < n; i++) all.push(kv.get("k" + i)); return (await Promise.all(all)).length }
		async function tooMany(n){ try { return await many(n) } catch (e) { return e.message } }`), "many", "tooMany")
	if f.Type != wire.Reply {
		t.Fatalf("load: %+v", f)
	}
	if f := p.invoke("many", "1000", 20_000); string(f.Data) != "1000" {
		t.Fatalf("%s %s %s", f.Name, f.Text, f.Data)
	}
	if f := p.invoke("tooMany", "5000", 20_000); !strings.Contains(string(f.Data), "more than 4096 host calls") {
		t.Fatalf("%s %s %s", f.Name, f.Text, f.Data)
	}
}

func TestALookAlikeOfOutOfMemoryIsTheAuthorsError(t *testing.T) {
	p := ready(t, "fake,bare,ok", `function fake(){ throw new InternalError("out of memory") } function bare(){ throw null } function ok(){ return 1 }`)
	for _, m := range []string{"fake", "bare"} {
		if f := p.invoke(m, "{}", 5000); f.Name != wire.KindThrow || p.spent {
			t.Fatalf("spent %v, %+v", p.spent, f)
		}
	}
	if f := p.invoke("ok", "{}", 100); f.Type != wire.Reply {
		t.Fatalf("it was retired for nothing: %+v", f)
	}
}

func TestCancelOvertakesRunningCode(t *testing.T) {
	p := ready(t, "loop,wait,ok", `function loop(){ for(;;); } function wait(){ return new Promise(r => setTimeout(r, 60000)) } function ok(){ return 1 }`)
	for _, m := range []string{"loop", "wait"} {
		data, _ := json.Marshal(wire.InvokeRequest{Method: m, Input: json.RawMessage("{}")})
		id := p.send(wire.Frame{Type: wire.Request, Name: wire.Invoke, Data: data})
		began := time.Now()
		time.AfterFunc(20*time.Millisecond, func() { p.send(wire.Frame{Type: wire.Cancel, Re: id}) })
		if f := p.await(id); f.Name != wire.KindCancelled || time.Since(began) > time.Second {
			t.Fatalf("%s: %+v after %s", m, f, time.Since(began))
		}
	}
	if f := p.invoke("ok", "{}", 100); string(f.Data) != "1" {
		t.Fatalf("%+v", f)
	}
}

func TestHostCallsAndSimulation(t *testing.T) {
	p := start(t, 100)
	bundle := `var kv = __fnode_host("kv"); var __fnode_exports = { bump: async (q) => { const n = ((await kv.get("n")) ?? 0) + 1; await kv.set("n", n); return n } };`
	if f := p.load(bundle, "bump"); f.Type != wire.Reply {
		t.Fatalf("%+v", f)
	}
	for want := 1; want <= 2; want++ {
		if f := p.invoke("bump", "{}", 1000); string(f.Data) != fmt.Sprint(want) {
			t.Fatalf("%+v %s", f, f.Data)
		}
	}
	before := p.host
	f := p.ask(wire.Simulate, 1000, wire.InvokeRequest{Method: "bump", Input: json.RawMessage("{}")})
	var sim wire.SimulateReply
	if err := json.Unmarshal(f.Data, &sim); err != nil || len(sim.Effects) != 2 || string(sim.Result) != "1" || p.host != before {
		t.Fatalf("%+v %v, %d host calls", sim, err, p.host-before)
	}
}

func TestAFlooderWaitsForCredit(t *testing.T) {
	p := start(t, 10)
	if f := p.load(module("flood", `function flood(){ for(;;) console.log("x".repeat(100)) }`), "flood"); f.Type != wire.Reply {
		t.Fatalf("%+v", f)
	}
	if f := p.invoke("flood", "{}", 200); f.Name != wire.KindDeadline {
		t.Fatalf("%+v", f)
	}
	if len(p.logs) != 10 {
		t.Fatalf("%d lines for a credit of 10", len(p.logs))
	}
}

func TestNegotiationFailsClosed(t *testing.T) {
	for name, q := range map[string]wire.HandshakeRequest{
		"protocol":  {Protocol: 9, Interface: wire.InterfaceHash, Heap: 1, Stack: 1, Result: 1},
		"interface": {Protocol: wire.Version, Interface: "other", Heap: 1, Stack: 1, Result: 1},
		"feature":   {Protocol: wire.Version, Interface: wire.InterfaceHash, Required: []string{"time travel"}, Heap: 1, Stack: 1, Result: 1},
		"twice":     {Protocol: wire.Version, Interface: wire.InterfaceHash, Heap: 1, Stack: 1, Result: 1},
	} {
		p := start(t, 0)
		if f := p.ask(wire.Handshake, 0, q); f.Name != wire.KindRefused {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestEveryMethodAnswers(t *testing.T) {
	p := ready(t, "ok", `function ok(){ return 1 }`)
	for _, m := range wire.Methods {
		if m == wire.Handshake || m == wire.Configure || m == wire.Shutdown {
			continue
		}
		if f := p.ask(m, 1000, wire.InvokeRequest{Method: "ok", Input: json.RawMessage("{}")}); f.Type != wire.Reply {
			t.Errorf("%s: %+v", m, f)
		}
	}
	if f := p.ask("fly", 0, nil); f.Name != wire.KindUnknown {
		t.Errorf("%+v", f)
	}
	if f := p.ask(wire.Shutdown, 0, nil); f.Type != wire.Reply {
		t.Errorf("%+v", f)
	}
}

func TestABrokenBundleSaysWhere(t *testing.T) {
	for name, row := range map[string]struct{ src, kind string }{
		"syntax":  {"let = ;", wire.KindLoad},
		"throws":  {"throw new Error('at load')", wire.KindLoad},
		"loops":   {"for(;;);", wire.KindDeadline},
		"missing": {module("a", "function a(){}"), wire.KindNoMethod},
	} {
		p := start(t, 0)
		if f := p.load(row.src, "b"); f.Type != wire.Error || f.Name != row.kind {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestRandomnessIsSeeded(t *testing.T) {
	var seen []string
	for range 2 {
		p := ready(t, "r", `function r(){ return [Math.random(), crypto.randomUUID()] }`)
		seen = append(seen, string(p.invoke("r", "{}", 100).Data))
	}
	if seen[0] != seen[1] || len(seen[0]) < 20 {
		t.Fatal(seen)
	}
}

func TestACancelRightBehindItsRequestIsHeard(t *testing.T) {
	p := ready(t, "loop", `function loop(){ for(;;); }`)
	for range 20 {
		data, _ := json.Marshal(wire.InvokeRequest{Method: "loop", Input: json.RawMessage("{}")})
		id := p.send(wire.Frame{Type: wire.Request, Name: wire.Invoke, Num: 20_000, Data: data})
		p.send(wire.Frame{Type: wire.Cancel, Re: id})
		began := time.Now()
		if f := p.await(id); f.Name != wire.KindCancelled || time.Since(began) > 2*time.Second {
			t.Fatalf("%s after %s", f.Name, time.Since(began))
		}
	}
}

func TestCallsDoNotReachIntoEachOther(t *testing.T) {
	p := ready(t, "leave,wait", `
		function leave(){ setTimeout(() => { throw new Error("of the call before") }, 5); return 1 }
		function wait(){ return new Promise(r => setTimeout(() => r(2), 30)) }`)
	p.invoke("leave", "{}", 1000)
	if f := p.invoke("wait", "{}", 1000); string(f.Data) != "2" {
		t.Fatalf("%+v", f)
	}
}

func TestTheSignalAbortsAtTheDeadline(t *testing.T) {
	p := ready(t, "wait,look", `
		let seen = "nothing";
		function wait(_, ctx){ ctx.signal.addEventListener("abort", () => { seen = "abort" }); return new Promise(r => setTimeout(r, 60000)) }
		function look(){ return seen }`)
	if f := p.invoke("wait", "{}", 50); f.Name != wire.KindDeadline {
		t.Fatalf("%+v", f)
	}
	if f := p.invoke("look", "{}", 1000); string(f.Data) != `"abort"` {
		t.Fatalf("%+v %s", f, f.Data)
	}
}

// TestAnEngineThatCannotSealItselfLoadsNoCode: the handshake is refused, and nothing follows.
func TestAnEngineThatCannotSealItselfLoadsNoCode(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	end := make(chan error, 1)
	go func() { // owner: the test receives from end; ends: the seal fails
		err := engine.Run(inR, outW, engine.Options{Ready: func() error { return errors.New("no seccomp") }})
		_ = outW.Close()
		end <- err
	}()
	p := &peer{t: t, w: wire.NewWriter(inW, wire.Limits{}), r: wire.NewReader(outR, wire.Limits{})}
	f := p.ask(wire.Handshake, 0, wire.HandshakeRequest{Protocol: wire.Version, Interface: wire.InterfaceHash, Heap: 32 << 20, Stack: 2000, Result: 1 << 20})
	if f.Name != wire.KindRefused {
		t.Fatalf("%+v", f)
	}
	if err := <-end; err == nil || !strings.Contains(err.Error(), "no seccomp") {
		t.Fatal("it goes on:", err)
	}
	_ = inW.Close()
}

func TestACancelOfAnotherRequestCutsNothing(t *testing.T) {
	p := ready(t, "wait", `function wait(){ return new Promise(r => setTimeout(() => r("whole"), 60)) }`)
	data, _ := json.Marshal(wire.InvokeRequest{Method: "wait", Input: json.RawMessage("{}")})
	id := p.send(wire.Frame{Type: wire.Request, Name: wire.Invoke, Data: data})
	for _, other := range []uint64{1 << 60, 1, id - 1} {
		p.send(wire.Frame{Type: wire.Cancel, Re: other})
	}
	if f := p.await(id); string(f.Data) != `"whole"` {
		t.Fatalf("%+v", f)
	}
	if f := p.invoke("wait", "{}", 1000); string(f.Data) != `"whole"` {
		t.Fatalf("the next call: %+v", f)
	}
	if f := p.ask(wire.Invoke, 1000, nil); f.Name != wire.KindBadInput {
		t.Fatalf("no payload: %+v", f)
	}
}

func BenchmarkInvoke(b *testing.B) {
	p := ready(b, "echo", `function echo(x){ return x }`)
	data, _ := json.Marshal(wire.InvokeRequest{Method: "echo", Input: json.RawMessage(`"` + strings.Repeat("x", 198) + `"`), Call: "c1"})
	for b.Loop() {
		p.await(p.send(wire.Frame{Type: wire.Request, Name: wire.Invoke, Num: 1000, Data: data}))
	}
}
