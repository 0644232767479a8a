package pack_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestWhatIsNoCodeIsRefusedWhereItIsImported(t *testing.T) {
	for name, src := range map[string]string{
		"style": "\nimport './a.css'; export const a = () => 1", "module": "\nimport s from './a.module.css'; export const a = () => s",
		"as css": "\nimport s from './a.txt' with { type: 'css' }; export const a = () => s",
	} {
		dir := folder(t, map[string]string{"package.json": manifest, "src/index.ts": src, "src/a.css": "a {}", "src/a.module.css": "a {}", "src/a.txt": "a {}"})
		_, err := pack.Pack(t.Context(), dir)
		if c := codes.From(err); c == nil || c.Code != codes.BundleFailed || c.Where.Line != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABundleIsStrictAsModulesAre(t *testing.T) {
	p, err := pack.Pack(t.Context(), folder(t, map[string]string{"package.json": manifest, "src/index.ts": "export const a = () => 1"}))
	if err != nil || !bytes.HasPrefix(p.Bundle, []byte(`"use strict";`)) {
		t.Fatalf("%v: %.40s", err, p.Bundle)
	}
}

func TestTopLevelAwaitIsToldInTheAuthorsWords(t *testing.T) {
	_, err := pack.Pack(t.Context(), folder(t, map[string]string{"package.json": manifest, "src/index.ts": "const x = await 1; export const a = () => x"}))
	if c := codes.From(err); c == nil || strings.Contains(c.What, "iife") || c.Where.Col != 11 {
		t.Fatal(err)
	}
}
