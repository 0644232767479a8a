package pack_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// folder writes an extension.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const manifest = `{"name":"x","version":"1.0.0","type":"module","main":"src/index.ts","fnode":{"methods":{"a":{}},"limits":{"memory":"32Mi","invoke":"250ms"}}}`

func TestEveryFaultOfAManifestAtOnceWithItsPlace(t *testing.T) {
	src := "{\n \"name\": \"Bad Name\",\n \"version\": \"1.0.0\",\n \"fnode\": {\n  \"colour\": 1,\n  \"profile\": \"soft\",\n  \"capabilities\": [\"kv\", \"sudo\"],\n  \"limits\": {\"memory\": \"64 bananas\", \"speed\": 3},\n  \"methods\": {\"1st\": {}, \"ok\": {\"inptu\": 1}}\n }\n}"
	_, err := pack.ParseManifest([]byte(src), "package.json")
	var faults pack.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range faults {
		got[f.Where.String()] = f.What
	}
	for at, word := range map[string]string{
		"package.json:2:2": "Bad Name", "package.json:5:3": "colour", "package.json:6:3": "soft", "package.json:7:26": "sudo",
		"package.json:8:14": "bananas", "package.json:8:38": "speed", "package.json:9:15": "1st", "package.json:9:33": "inptu",
	} {
		if !strings.Contains(got[at], word) {
			t.Errorf("%s: %q does not say %q; all: %v", at, got[at], word, got)
		}
	}
	if len(faults) != 8 {
		t.Errorf("%d faults: %v", len(faults), err)
	}
}

func TestBrokenJSONHasItsPlace(t *testing.T) {
	_, err := pack.ParseManifest([]byte("{\n  \"name\": oops }"), "package.json")
	if c := codes.From(err); c == nil || c.Where.String() != "package.json:2:11" {
		t.Fatal(err)
	}
}

func TestPackIsDeterministicAndCarriesNoPath(t *testing.T) {
	files := map[string]string{"package.json": manifest, "src/index.ts": "import { b } from './b';\nexport const a = (x: number): number => b(x);\n", "src/b.ts": "export const b = (x: number) => x + 1;\n"}
	one, err := pack.Pack(t.Context(), folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, files)
	two, err := pack.Pack(t.Context(), dir)
	if err != nil || one.Digest != two.Digest || len(one.Digest) != 64 {
		t.Fatal(one.Digest, two.Digest, err)
	}
	if all := string(two.Bundle) + string(two.Map); strings.Contains(all, dir) {
		t.Fatal("a path of this machine is in the package")
	}
	if l := one.Manifest.Limits; l.Memory != 32<<20 || l.Invoke.String() != "250ms" {
		t.Fatalf("%+v", l)
	}
	var b bytes.Buffer
	if err := one.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := pack.Open(&b)
	if err != nil || back.Digest != one.Digest || !bytes.Equal(back.Bundle, one.Bundle) || back.Manifest.Name != "x" {
		t.Fatalf("%+v %v", back, err)
	}
}

func TestNothingOutsideThePackageIsRead(t *testing.T) {
	secret := "root:x:0:0:secret:/root:/bin/bash\n"
	outside := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(outside, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	entry := func(src string) map[string]string {
		return map[string]string{"package.json": manifest, "src/index.ts": src}
	}
	up := strings.Repeat("../", 12) + strings.TrimPrefix(outside, "/")
	for name, row := range map[string]struct {
		files map[string]string
		link  string // to outside
	}{
		"relative path":     {files: entry("import x from '" + up + "'; export const a = () => x")},
		"absolute path":     {files: entry("import x from '" + outside + "'; export const a = () => x")},
		"as text":           {files: entry("import x from '" + up + "' with { type: 'text' }; export const a = () => x")},
		"required":          {files: entry("export const a = () => require('" + up + "')")},
		"imported later":    {files: entry("export const a = () => import('" + up + "')")},
		"link to a file":    {files: entry("import x from './data.txt'; export const a = () => x"), link: "src/data.txt"},
		"link as the entry": {files: map[string]string{"package.json": manifest}, link: "src/index.ts"},
		"link as manifest":  {files: map[string]string{"src/index.ts": "export const a = 1"}, link: "package.json"},
		"link as tsconfig":  {files: entry("export const a = () => 1"), link: "tsconfig.json"},
		"extends":           {files: map[string]string{"package.json": manifest, "src/index.ts": "export const a = () => 1", "tsconfig.json": `{"extends":"` + up + `"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, row.files)
			if row.link != "" {
				at := filepath.Join(dir, row.link)
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(outside, at)); err != nil {
					t.Fatal(err)
				}
			}
			p, err := pack.Pack(t.Context(), dir)
			if err == nil && strings.Contains(string(p.Bundle)+string(p.Map), "secret") {
				t.Fatal("it was carried off")
			}
			if err == nil && !strings.Contains(row.link+name, "tsconfig") && name != "extends" {
				t.Fatal("it was not refused")
			}
			if c := codes.From(err); err != nil && (c == nil || strings.Contains(err.Error()+c.Where.Text, "secret")) {
				t.Fatalf("the refusal shows it, or has no code: %v %q", err, c.Where.Text)
			}
		})
	}
}

func TestADependencyBelowThePackageResolves(t *testing.T) {
	files := map[string]string{
		"package.json": manifest, "src/index.ts": "import { b } from 'dep'; import c from '../data.json'; export const a = () => [b, c.x]",
		"node_modules/dep/package.json": `{"name":"dep","main":"i.js"}`, "node_modules/dep/i.js": "exports.b = require('./j')", "node_modules/dep/j.js": "module.exports = 7", "data.json": `{"x":1}`,
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder(t, files), link); err != nil { // make run reaches the examples through links
		t.Fatal(err)
	}
	if _, err := pack.Pack(t.Context(), link); err != nil {
		t.Fatal(err)
	}
}

func TestBuiltinsResolveAndUnknownModulesAreNamed(t *testing.T) {
	for src, want := range map[string]*codes.Code{
		"import fs, { readFile } from 'node:fs'; import path from 'path'; import { EventEmitter } from 'events'; export const a = () => [fs, readFile, path, EventEmitter];": nil,
		"import * as kv from 'fnode:kv'; export const a = () => kv.get('x');":                                                                                                nil,
		"import 'left-pad'; export const a = 1":     codes.MissingDependency,
		"import 'fnode:fs'; export const a = 1":     codes.BundleFailed,
		"import './none'; export const a = 1":       codes.BundleFailed,
		"export const = 1":                          codes.BundleFailed,
		"import 'events/'; export const a = 1":      codes.MissingDependency,
		"export const a = await import('punycode')": codes.BundleFailed, // top-level await does not fit a classic script
	} {
		_, err := pack.Pack(t.Context(), folder(t, map[string]string{"package.json": manifest, "src/index.ts": src}))
		if want == nil && err != nil || want != nil && !errors.Is(err, codes.Of(want)) {
			t.Errorf("%s: %v", src, err)
		}
		if c := codes.From(err); c != nil && (c.Where.Line != 1 || !strings.HasSuffix(c.Where.File, "index.ts")) {
			t.Errorf("%s: at %s", src, c.Where)
		}
	}
}

func TestStacksLeadToTheAuthorsFile(t *testing.T) {
	dir := folder(t, map[string]string{"package.json": manifest, "src/index.ts": "interface X { a: number }\n\nfunction inner(x: X): never {\n  throw new Error('no ' + x.a);\n}\nexport const a = (x: X) => inner(x);\n"})
	p, err := pack.Pack(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	line := 0
	for i, l := range strings.Split(string(p.Bundle), "\n") {
		if strings.Contains(l, "throw new Error") {
			line = i + 1
		}
	}
	frames := p.Mapper().Map("    at made (<input>:4:3)\n    at inner (bundle.js:" + strconv.Itoa(line) + ":11)\n    at nothing\n    at shim (bundle.js:99999:1)\n")
	if len(frames) != 1 || frames[0].File != "src/index.ts" || frames[0].Line != 4 {
		t.Fatalf("%+v", frames)
	}
	text := p.Mapper().Text("Error: no\n    at inner (bundle.js:" + strconv.Itoa(line) + ":11)\n    at x (bundle.js:99999:1)")
	if want := "Error: no\n    at inner (src/index.ts:4:"; !strings.HasPrefix(text, want) || !strings.HasSuffix(text, "(bundle.js:99999:1)") {
		t.Fatalf("%q, want it to begin with %q", text, want)
	}
}

func FuzzOpen(f *testing.F) {
	p, err := pack.Pack(f.Context(), folder(f, map[string]string{"package.json": manifest, "src/index.ts": "export const a = () => 1"}))
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:700])
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := pack.Open(bytes.NewReader(b)); err == nil && (len(p.Bundle) == 0 || p.Manifest == nil) {
			t.Fatal("an empty package was opened")
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Add([]byte(`{"name":1,"fnode":{"methods":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := pack.ParseManifest(b, "package.json")
		if err == nil && (m.Name == "" || len(m.Methods) == 0 || strings.Contains(m.Name, "/")) {
			t.Fatalf("%+v", m)
		}
	})
}

func FuzzMapper(f *testing.F) {
	f.Add([]byte(`{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA"}`), "    at f (bundle.js:1:1)")
	f.Fuzz(func(t *testing.T, m []byte, stack string) {
		if len(pack.NewMapper(m).Map(stack)) > 32 {
			t.Fatal("unbounded")
		}
	})
}
