package engine_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// bytesOf is every byte value, often enough to cross Go's border more than twice.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestDigestsAreGosOwn(t *testing.T) {
	p := ready(t, "digest,mac", `
		const hex = (b) => Array.from(new Uint8Array(b), (x) => x.toString(16).padStart(2, "0")).join("");
		const input = (n) => Uint8Array.from({ length: n }, (_, i) => i);
		async function digest(n){ return hex(await crypto.subtle.digest("SHA-256", input(n))) }
		async function mac(n){
			const key = await crypto.subtle.importKey("raw", input(n), { name: "HMAC", hash: "SHA-512" }, false, ["sign", "verify"]);
			const sig = await crypto.subtle.sign("HMAC", key, input(300));
			const good = await crypto.subtle.verify("HMAC", key, sig, input(300)), bad = await crypto.subtle.verify("HMAC", key, sig, input(301));
			return hex(sig) + " " + good + " " + bad }`)
	for _, n := range []int{0, 1, 64, 300, 70000} {
		if f := p.invoke("digest", fmt.Sprint(n), 2000); string(f.Data) != fmt.Sprintf(`"%x"`, sha256.Sum256(bytesOf(n))) {
			t.Errorf("sha-256 of %d bytes: %s %s", n, f.Data, f.Text)
		}
	}
	for _, n := range []int{1, 128, 129} {
		h := hmac.New(sha512.New, bytesOf(n))
		h.Write(bytesOf(300))
		if f := p.invoke("mac", fmt.Sprint(n), 2000); string(f.Data) != fmt.Sprintf(`"%x true false"`, h.Sum(nil)) {
			t.Errorf("hmac with a key of %d bytes: %s %s", n, f.Data, f.Text)
		}
	}
}

func TestWhatWebCodeAsksFor(t *testing.T) {
	for expr, want := range map[string]string{
		`new URL("https://Bücher.example/ä").href`:                                        `"https://xn--bcher-kva.example/%C3%A4"`,
		`new URL("https://faß.de").host`:                                                  `"xn--fa-hia.de"`,
		`new URL("http://１２７.0.0.1").host`:                                                `"127.0.0.1"`,
		`URL.canParse("https://xn--a.example")`:                                           `false`,
		`URL.canParse("https://a\u00adb.example") + " " + new URL("http://a_b.c-/").host`: `"true a_b.c-"`,
		`new Blob(["aé", new Uint8Array([66])], {type:"Text/Plain"}).text()`:              `"aéB"`,
		`new Blob(["abcdef"]).slice(1, -2).text()`:                                        `"bcd"`,
		`(f => [f.name, f.size, f.type, f instanceof Blob, f.lastModified])(new File(["xyz"], "n.txt", {type:"a/b", lastModified: 5}))`:                                        `["n.txt",3,"a/b",true,5]`,
		`(f => { f.append("a", 1); f.append("a", 2); f.append("b", new Blob(["x"])); f.set("a", 3); return [[...f.keys()], f.getAll("a"), f.get("b").name] })(new FormData())`: `[["a","b"],["3"],"blob"]`,
		`crypto.subtle.digest("SHA-3", new Uint8Array(1)).catch(e => e.name)`:                                                                                                  `"NotSupportedError"`,
		`crypto.subtle.digest("SHA-1", "text").catch(e => e.name)`:                                                                                                             `"TypeError"`,
		`Object.keys(globalThis).filter(k => /Blob|File|Form|Crypto/.test(k))`:                                                                                                 `[]`,
		`[typeof Blob.of, typeof host]`: `["undefined","undefined"]`,
	} {
		p := ready(t, "ask", `async function ask(){ return await (`+expr+`) }`)
		if f := p.invoke("ask", "{}", 2000); string(f.Data) != want {
			t.Errorf("%s:\n got %s %s\nwant %s", expr, f.Data, f.Text, want)
		}
	}
}

func TestALazyShimIsNoFrameOfTheAuthor(t *testing.T) {
	p := ready(t, "name", `function name(){ return new Blob(5) }`)
	if f := p.invoke("name", "{}", 1000); f.Name != wire.KindThrow || !strings.HasPrefix(f.Stack, "    at name (bundle.js:1:") || strings.Contains(f.Stack, "<input>") {
		t.Fatalf("%q %q", f.Text, f.Stack)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p := start(b, 1)
		p.ask(wire.Shutdown, 0, nil)
	}
}

func TestNodeCryptoMakesDigestsAndMacs(t *testing.T) {
	src := `import { createHash, createHmac } from "node:crypto";
		globalThis.__fnode_made = () => [createHash("sha256").update("a").update(Buffer.from("b")).digest("hex"), createHmac("sha512", "k").update("ab").digest("hex")];`
	code, _, err := pack.Entry(t.Context(), t.TempDir(), "entry.js", src)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, 10)
	p.load(string(code)+"\n"+module("made", `function made(){ return globalThis.__fnode_made() }`), "made")
	h := hmac.New(sha512.New, []byte("k"))
	h.Write([]byte("ab"))
	if f := p.invoke("made", "{}", 2000); string(f.Data) != fmt.Sprintf(`["%x","%x"]`, sha256.Sum256([]byte("ab")), h.Sum(nil)) {
		t.Fatalf("%s %s", f.Data, f.Text)
	}
}
