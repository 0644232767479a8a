package engine_test

import (
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

const unheard = "nobody listened"

func TestARejectionThatNobodyHearsOfIsLogged(t *testing.T) {
	p := ready(t, "write,thrown,many,stalled,evil", `
		const kv = __fnode_host("kv");
		async function write(){ kv.set("refused", 1); await kv.get("answered behind it"); return "written" }
		function thrown(){ Promise.reject(null); throw new Error("the call's own") }
		function many(){ for (let i = 0; i < 100; i++) Promise.reject(new RangeError("number " + i)); return 1 }
		const stalled = () => new Promise(async () => { throw new TypeError("inside") });
		function evil(){ Promise.reject(Object.defineProperty(new Error("x"), "code", { get() { throw 1 } })); return 1 }`)
	for _, row := range []struct{ method, kind, log string }{
		{"write", "", "HostError: no room\n    at write (bundle.js:3:"},
		{"thrown", wire.KindThrow, "null"},
		{"many", "", "RangeError: number 19"},
		{"stalled", wire.KindStalled, "TypeError: inside"},
		{"evil", "", ""},
	} {
		p.logs = nil
		if f := p.invoke(row.method, "{}", 2000); f.Name != row.kind {
			t.Errorf("%s: %+v", row.method, f)
		}
		text := strings.Join(p.logs, "\n")
		if row.log != "" && (!strings.Contains(text, unheard) || !strings.Contains(text, row.log)) || strings.Count(text, unheard) > 20 {
			t.Errorf("%s: %q does not say %q", row.method, text, row.log)
		}
	}
	q := start(t, 10)
	if f := q.load(module("ok", `Promise.reject(new Error("at load")); function ok(){ return 1 }`), "ok"); f.Type != wire.Reply || !strings.Contains(strings.Join(q.logs, ""), "at load") {
		t.Errorf("%+v %q", f, q.logs)
	}
}

func TestARejectionThatIsHeardInTimeIsNotLogged(t *testing.T) {
	p := ready(t, "late,all,left,ok", `
		const kv = __fnode_host("kv"), sleep = (ms) => new Promise(r => setTimeout(r, ms)), no = async () => { throw new Error("no") };
		async function late(){ const p = no(); await sleep(5); try { await p } catch (e) { return e.message } }
		const all = () => Promise.allSettled([no(), no()]).then((r) => r.length);
		function left(){ kv.get("k"); return 1 }
		const ok = () => sleep(5)`)
	p.expect([2]string{"late", `"no"`}, [2]string{"all", "2"}, [2]string{"left", "1"}, [2]string{"ok", "null"})
	if len(p.logs) > 0 {
		t.Errorf("%q", p.logs)
	}
}
