package engine_test

import (
	"strings"
	"testing"
)

func TestWhatIsLoggedNeverFailsTheCall(t *testing.T) {
	p := ready(t, "log,long", `
		function log(){
			console.log({ get a() { throw new Error("ran") }, set b(v) {} });
			console.log(new Proxy({}, { ownKeys() { throw 1 }, get() { throw 2 } }), "%d");
			console.log("%d %s %j", Symbol("s"), { get constructor() { throw 1 } }, { toJSON() { throw 1 } });
			console.log(Object.assign(new Error("failed", { cause: new TypeError("why") }), { code: "E1" }));
			return 1
		}
		function long(){ console.log("x".repeat(9000)); return 1 }`)
	p.expect([2]string{"log", "1"}, [2]string{"long", "1"})
	text := strings.Join(p.logs, "\n")
	for _, want := range []string{"{ a: [Getter], b: [Setter] }", "[unreadable] %d", "NaN", "TypeError: why", `code: "E1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if cut := p.logs[len(p.logs)-1]; len(cut) != 8192 || !strings.HasSuffix(cut, "x...") {
		t.Errorf("%d characters that end with %q", len(cut), cut[len(cut)-5:])
	}
}
