package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// expect calls each method and compares its result.
func (p *peer) expect(rows ...[2]string) {
	p.t.Helper()
	for _, row := range rows {
		if f := p.invoke(row[0], "{}", 2000); string(f.Data) != row[1] {
			p.t.Errorf("%s: %s %s %s, want %s", row[0], f.Data, f.Name, f.Text, row[1])
		}
	}
}

func TestNullIsAValueAndNoAbsence(t *testing.T) {
	p := ready(t, "get", `const kv = __fnode_host("kv"); async function get(){ await kv.set("n", null); return [await kv.get("n") === null, await kv.get("absent") === undefined] }`)
	p.expect([2]string{"get", "[true,true]"})
}

func TestAKeyThatUTF8CannotCarryIsRefused(t *testing.T) {
	p := ready(t, "low,high,pair,list", `
		const kv = __fnode_host("kv"), told = async (f) => { try { await f(); return "taken" } catch (e) { return e.name } };
		const low = () => told(() => kv.set("a\udc00", 1)), high = () => told(() => kv.get("\ud800")), list = () => told(() => kv.list("\ud800"));
		const pair = () => told(() => kv.set("\ud83d\ude00", 1))`)
	p.expect([2]string{"low", `"TypeError"`}, [2]string{"high", `"TypeError"`}, [2]string{"list", `"TypeError"`}, [2]string{"pair", `"taken"`})
	if len(p.kv) != 1 {
		t.Errorf("the host has %v", p.kv)
	}
}

func TestSizesCountTheBytesThatTheHostCounts(t *testing.T) {
	p := ready(t, "keys,values,prefix", `
		const kv = __fnode_host("kv"), told = async (f) => { try { await f(); return "taken" } catch (e) { return e.message } };
		const keys = () => Promise.all(["k".repeat(512), "\u20ac".repeat(170), "k".repeat(513), "\u20ac".repeat(171), "\ud83d\ude00".repeat(129)].map(k => told(() => kv.set(k, 1))));
		const values = () => Promise.all(["v".repeat(262142), "\u00e9".repeat(131071), "v".repeat(262143), "\u00e9".repeat(131072)].map(v => told(() => kv.set("v", v))));
		const prefix = () => told(() => kv.list("\u20ac".repeat(171)))`)
	const much = " bytes; at most "
	p.expect(
		[2]string{"keys", `["taken","taken","the key has at least 513` + much + `512","the key has 513` + much + `512","the key has 516` + much + `512"]`},
		[2]string{"values", `["taken","taken","the value has at least 262145` + much + `262144","the value has 262146` + much + `262144"]`},
		[2]string{"prefix", `"the prefix has 513` + much + `512"`})
}

func TestARefusedHostCallNamesThePlaceThatAsked(t *testing.T) {
	p := ready(t, "set", "const kv = __fnode_host(\"kv\");\nasync function set(){\n await null;\n await kv.set(\"refused\", 1) }")
	f := p.invoke("set", "{}", 1000)
	if f.Text != "HostError: no room" || !strings.HasPrefix(f.Stack, "    at set (bundle.js:4:") {
		t.Fatalf("%q at %q", f.Text, f.Stack)
	}
}

func TestWhatAMicrotaskThrowsEndsItsOwnCall(t *testing.T) {
	p := ready(t, "mine,late,ok", `
		const later = () => { throw new RangeError("later") };
		function mine(){ queueMicrotask(later); return new Promise(r => setTimeout(r, 1000)) }
		function late(){ queueMicrotask(later); return 1 }
		const ok = () => new Promise(r => setTimeout(r, 5, "ok"))`)
	if f := p.invoke("mine", "{}", 2000); f.Name != wire.KindThrow || f.Text != "RangeError: later" || !strings.Contains(f.Stack, "at later (bundle.js:2:") {
		t.Errorf("%+v", f)
	}
	p.expect([2]string{"late", "1"}, [2]string{"ok", `"ok"`})
	if text := strings.Join(p.logs, "\n"); !strings.Contains(text, "RangeError: later") {
		t.Errorf("nobody heard of it: %q", text)
	}
	if f := start(t, 10).load(module("ok", `queueMicrotask(() => { throw new Error("at load") }); function ok(){}`), "ok"); f.Name != wire.KindLoad || f.Text != "at load" {
		t.Errorf("%+v", f)
	}
}

func TestAnErrorSaysWhatItStandsFor(t *testing.T) {
	p := ready(t, "any,cause,cycle", `
		const any = () => Promise.any([Promise.reject(new Error("one")), Promise.reject("two")]);
		function cause(){ throw new Error("outer", { cause: new TypeError("inner") }) }
		function cycle(){ const e = new Error("round"); e.cause = e; throw e }`)
	for _, row := range [][2]string{{"any", "one; \"two\""}, {"cause", "outer; cause: TypeError: inner"}, {"cycle", "round; cause: Error: round"}} {
		if f := p.invoke(row[0], "{}", 1000); f.Name != wire.KindThrow || !strings.Contains(f.Text, row[1]) {
			t.Errorf("%s: %s %q", row[0], f.Name, f.Text)
		}
	}
}

func TestOnlyWhatAPackageExportsIsAMethod(t *testing.T) {
	for _, name := range []string{"toString", "constructor", "hasOwnProperty"} {
		if f := start(t, 1).load(module("ok", "function ok(){}"), "ok", name); f.Name != wire.KindNoMethod {
			t.Errorf("%s: %+v", name, f)
		}
	}
	p := start(t, 1)
	bundle := `class Service { #n = 4; toString(){ return this.#n } own(){ return this.#n } }; var __fnode_exports = { default: new Service() };`
	if f := p.load(bundle, "own", "toString"); f.Type != wire.Reply {
		t.Fatalf("%+v", f)
	}
	p.expect([2]string{"own", "4"}, [2]string{"toString", "4"})
}

func TestASimulationTellsValuesAsTheyWere(t *testing.T) {
	p := ready(t, "change", `const kv = __fnode_host("kv"); async function change(){ const v = { n: 1 }; const done = kv.set("k", v); v.n = 2n; await done }`)
	f := p.ask(wire.Simulate, 1000, wire.InvokeRequest{Method: "change", Input: json.RawMessage("{}")})
	if f.Type != wire.Reply || !strings.Contains(string(f.Data), `"value":{"n":1}`) {
		t.Fatalf("%+v %s", f, f.Data)
	}
}

func TestTheSymbolsOfUsingAreThere(t *testing.T) {
	p := ready(t, "symbols", `const symbols = () => [String(Symbol.dispose), String(Symbol.asyncDispose)]`)
	p.expect([2]string{"symbols", `["Symbol(Symbol.dispose)","Symbol(Symbol.asyncDispose)"]`})
}

func TestTheBoundOfAResultIsInBytes(t *testing.T) {
	p := ready(t, "ascii,wide", `const ascii = () => "x".repeat(2 ** 20 - 2), wide = () => "\u20ac".repeat(2 ** 19)`)
	if f := p.invoke("ascii", "{}", 5000); f.Type != wire.Reply || len(f.Data) != 1<<20 {
		t.Errorf("%s %s, %d bytes", f.Name, f.Text, len(f.Data))
	}
	if f := p.invoke("wide", "{}", 5000); f.Name != wire.KindResultSize || !strings.Contains(f.Text, "1572866 bytes") {
		t.Errorf("%s %s, %d bytes", f.Name, f.Text, len(f.Data))
	}
}
