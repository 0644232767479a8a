package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

var frozen = filepath.Join("..", "..", "store", "evidence", "testdata", "v1.bundle")

func ran(stdin io.Reader, args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = run(args, stdin, &o, &e)
	return code, o.String(), e.String()
}

// TestE4TheCommandSaysWhatItCheckedAndWhyEachRestartHappened: of the frozen bundle, to the letter.
func TestE4TheCommandSaysWhatItCheckedAndWhyEachRestartHappened(t *testing.T) {
	code, out, err := ran(nil, frozen)
	if code != 0 || err != "" {
		t.Fatal(code, err)
	}
	for _, want := range []string{
		"#23 sup/ext/b  b: ended (crashed: boom) -> restart after 25ms, rule S1; restart 1 of 8 in 1h0m0s (budget)\n",
		"#39 sup/ext/b  b: ended (crashed: boom) -> give_up, rule S2; restart 9 of 8 in 1h0m0s (budget)\n",
		"activation -> activate (of activate, activate_degraded, refuse), rule E1\n",
		"lease -> grant (of refuse, grant), rule E1\n",
		"sup/ext/a  FN1003 was denied 41 more times within 90ns\n",
		"anchor   a8c925122672715e18058b03dadc8709a29adf323f68164d59a77fc9c455742a (the ledger's own first marker: ",
		"checked  43 markers in 1 runs",
		"11 decisions, of which 10 were recomputed and are equal\n",
		"1 of the kind lease cannot be recomputed here\n",
		"redacted 7 payloads of the kind kv, of markers 2 to 20: kv: the extensions' own\n",
		"result   it holds\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if _, quiet, _ := ran(nil, "-q", frozen); strings.Contains(quiet, "why ") || !strings.Contains(quiet, "it holds") {
		t.Error(quiet)
	}
}

func TestE4EveryEndHasItsExitStatus(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, err := os.ReadFile(frozen)
	if err != nil {
		t.Fatal(err)
	}
	flipped, newer := bytes.Clone(good), bytes.Clone(good)
	flipped[5000] ^= 1
	newer[7] = 2
	key := "a8c925122672715e18058b03dadc8709a29adf323f68164d59a77fc9c455742a"
	for name, row := range map[string]struct {
		args []string
		code int
		says string
	}{
		"holds":           {[]string{frozen}, codes.ExitOK, ""},
		"key":             {[]string{frozen, "--key", key}, codes.ExitOK, ""},
		"key before":      {[]string{"-k", key, frozen}, codes.ExitOK, ""},
		"key file":        {[]string{frozen, "--key=" + write("pub", []byte(key+"\n"))}, codes.ExitOK, ""},
		"another key":     {[]string{frozen, "--key", strings.Repeat("ab", 32)}, codes.ExitNo, "FN5042"},
		"broken":          {[]string{write("flipped", flipped)}, codes.ExitNo, "offset 4"},
		"cut":             {[]string{write("cut", good[:7000])}, codes.ExitNo, "cut off"},
		"no bundle":       {[]string{write("text", []byte("hello, this is no bundle"))}, codes.ExitBadData, "FN5043"},
		"empty":           {[]string{write("empty", nil)}, codes.ExitBadData, "FN5043"},
		"newer":           {[]string{write("newer", newer)}, codes.ExitSkew, "version 2"},
		"no file":         {[]string{filepath.Join(dir, "none")}, codes.ExitNoInput, "FN8025"},
		"no key file":     {[]string{frozen, "-k", "none"}, codes.ExitNoInput, "FN8025"},
		"no key in it":    {[]string{frozen, "-k", write("bad", []byte("zz"))}, codes.ExitUsage, "FN8003"},
		"a folder":        {[]string{dir}, codes.ExitIO, "is a directory"},
		"nothing":         {nil, codes.ExitUsage, "got 0"},
		"two":             {[]string{frozen, frozen}, codes.ExitUsage, "got 2"},
		"an unknown flag": {[]string{frozen, "--force"}, codes.ExitUsage, "force"},
		"a form":          {[]string{frozen, "-o", "yaml"}, codes.ExitUsage, "yaml"},
	} {
		code, out, err := ran(nil, row.args...)
		if code != row.code || !strings.Contains(err, row.says) || (err == "") != (code == 0) {
			t.Errorf("%s: exit %d, want %d: %s", name, code, row.code, err)
		}
		if code == codes.ExitNo && !strings.Contains(out, "it does not hold") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if code, _, err := ran(bytes.NewReader(good), "-"); code != 0 {
		t.Error("from the standard input:", err)
	}
	if code, out, _ := ran(nil, "--help"); code != 0 || !strings.Contains(out, "Examples:") {
		t.Error(out)
	}
}

func TestE4TheJSONFormHasTheSame(t *testing.T) {
	good, err := os.ReadFile(frozen)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []bool{false, true} {
		if bad {
			good[5000] ^= 1
		}
		_, out, _ := ran(bytes.NewReader(good), "-", "-o", "json")
		var doc struct {
			APIVersion, Kind, Code string
			Holds                  bool
			Report                 struct {
				Markers, Recomputed uint64
				Anchor              struct{ From string }
				Breaks              []struct {
					Offset int64
					What   string
				}
			}
			Decisions []struct {
				Seq          uint64
				Choice, Rule string
				Equal        *bool
			}
			Hidden []struct {
				Kind     string
				Redacted int
			}
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Holds == bad || (doc.Code == "FN5042") != bad || (len(doc.Report.Breaks) == 1) != bad || doc.Kind != "Verification" {
			t.Errorf("%s", out)
		}
		if !bad && (len(doc.Decisions) != 12 || doc.Decisions[8].Choice != "give_up" || !*doc.Decisions[8].Equal || !*doc.Decisions[9].Equal || doc.Decisions[10].Equal != nil || doc.Hidden[0].Redacted != 7) {
			t.Errorf("%s", out)
		}
	}
}

func TestWhatABundleSaysDoesNotSteerTheTerminal(t *testing.T) {
	if got := clean("a\x1b[31mb\nc\u202ed é"); got != "a?[31mb?c?d é" {
		t.Error(got)
	}
}

func TestProgressIsToldOnceItTakesMoreThanASecond(t *testing.T) {
	var b bytes.Buffer
	p := &progress{to: &b, of: 8 << 20, next: time.Now().Add(time.Hour)}
	p.at(1 << 20)
	if b.Len() > 0 {
		t.Error(b.String())
	}
	p.next = time.Time{}
	p.at(2 << 20)
	p.at(3 << 20)
	p.of, p.next = 0, time.Time{}
	p.at(4 << 20)
	if b.String() != "fnode-verify: 2 of 8 MB, 25%\nfnode-verify: 4 MB\n" {
		t.Error(b.String())
	}
}
