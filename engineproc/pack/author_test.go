package pack_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestFaultsComeInTheOrderOfTheText(t *testing.T) {
	src := `{"name":"a","version":"1.0","fnode":{"limits":{"pids":0,"cpu":"x","heap":1,"foo":1,"kv":"1Gi"},"methods":{"m":5,"n":{"input":1,"idempotent":"yes"},"o-o":{}}}}`
	for range 20 { // the limits are a map: the order was random
		_, err := pack.ParseManifest([]byte(src), "p")
		var faults pack.Faults
		if !errors.As(err, &faults) || len(faults) != 9 {
			t.Fatalf("%d faults: %v", len(faults), err)
		}
		var cols []int
		for _, f := range faults {
			cols = append(cols, f.Where.Col)
		}
		if !slices.IsSorted(cols) {
			t.Fatalf("%v: %v", cols, err)
		}
		if strings.Contains(err.Error(), ": :") || strings.Contains(err.Error(), "json:") {
			t.Fatal(err)
		}
	}
}

func TestABrokenManifestIsToldAtItsPlace(t *testing.T) {
	for src, want := range map[string]string{
		"[]":                            "p:1:1: array is not",
		"{\n\"fnode\": \"x\"}":          "p:2:1: fnode: string is not",
		"{\u201cname\u201d: 1}":         `p:1:2: invalid character '` + "\u201c" + `' looking`,
		"{\xff}":                        "p:1:2: invalid character 0xff, which is not UTF-8, looking",
		"\ufeff\ufeff{}":                "p:1:1: invalid character U+FEFF (a byte order mark) looking",
		`{"name":"a","version":"../x"}`: "p:1:13: version: ",
	} {
		if _, err := pack.ParseManifest([]byte(src), "p"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", src, err, want)
		}
	}
	m, err := pack.ParseManifest([]byte("\ufeff"+`{"name":"a","fnode":{"methods":{"a":{}}}}`), "p")
	if err != nil || m.Version != "0.0.0" {
		t.Errorf("%+v %v", m, err)
	}
}

func TestAnArchiveThatIsCutOffIsRefusedByName(t *testing.T) {
	p, err := pack.Pack(t.Context(), folder(t, map[string]string{"package.json": manifest, "src/index.ts": "export const a = () => 1"}))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	before := b.Len() - 1024 - 512*(1+(len(p.Map)+511)/512) // where the source map's header begins
	file := filepath.Join(t.TempDir(), "x.fnpkg")
	for _, n := range []int{0, 100, 600, before, before - 7, before + 100} {
		if err := os.WriteFile(file, b.Bytes()[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := pack.Load(t.Context(), file)
		if c := codes.From(err); c == nil || c.Code != codes.BadArchive || c.Where.File != file {
			t.Errorf("%d of %d bytes: %v", n, b.Len(), err)
		}
	}
}

func TestAFileIsNoFolderToPack(t *testing.T) {
	file := filepath.Join(folder(t, map[string]string{"x": ""}), "x")
	if _, err := pack.Pack(t.Context(), file); !errors.Is(err, codes.Of(codes.NoPackage)) || !strings.Contains(err.Error(), "is no folder") {
		t.Fatal(err)
	}
}
