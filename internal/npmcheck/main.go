// Command npmcheck runs widely used npm packages in the default engine and compares their answers with
// Node's. testdata/npm-calls.json holds the packages, pinned, with an entry and three calls each; the
// answers were recorded with Node v20 (TZ=UTC).
//
// Each package is installed with npm into a folder of the cache (no scripts), bundled as every extension is,
// and run under the strict limits: 32 MiB of heap, 2000 stack slots, 1 s a call, 3 s to load. Nothing knows a
// package by its name.
//
//	go run ./internal/npmcheck            # every package, a table, "N of M identical"
//	go run ./internal/npmcheck -only ajv  # one
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/engineproc/pack"
)

//go:embed testdata/npm-calls.json
var data []byte

// subject is one package.
type subject struct {
	Package, Version, Entry string
	Install                 map[string]string
	Calls                   []call
}

type call struct {
	Export   string          `json:"export"`
	Args     json.RawMessage `json:"args"`
	Expected json.RawMessage `json:"expected"`
	Compare  string          `json:"compare"`
}

// verdict is what became of one package; an empty reason means identical.
type verdict struct {
	name, reason string
	took         time.Duration
}

func main() {
	least := flag.Float64("min", 65, "exit 1 below this `percentage`")
	only := flag.String("only", "", "check this `package` alone")
	cache := flag.String("cache", filepath.Join(".cache", "npm-check"), "`folder` of the installed packages")
	flag.Parse()
	_ = os.Setenv("TZ", "UTC")
	time.Local = time.UTC
	os.Exit(run(*least, *only, *cache))
}

func run(least float64, only, cache string) int {
	var all struct{ Packages []subject }
	if err := json.Unmarshal(data, &all); err != nil {
		fmt.Fprintln(os.Stderr, "testdata:", err)
		return 1
	}
	list := all.Packages
	if only != "" {
		list = nil
		for _, s := range all.Packages {
			if s.Package == only {
				list = append(list, s)
			}
		}
	}
	verdicts := make([]verdict, len(list))
	var wg sync.WaitGroup
	next := make(chan int) // capacity 0; closed when every package was handed out
	for range 2 {
		wg.Go(func() { // owner: run; ends: next is closed
			for i := range next {
				verdicts[i] = check(list[i], cache)
				fmt.Fprintf(os.Stderr, "\r%d of %d checked, %s          ", i+1, len(list), list[i].Package)
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	wg.Wait()
	return report(verdicts, least)
}

func report(verdicts []verdict, least float64) int {
	fmt.Fprintln(os.Stderr)
	same := 0
	for _, v := range verdicts {
		word := "identical"
		if v.reason != "" {
			word = "differs  " + v.reason
		} else {
			same++
		}
		fmt.Printf("%-34s %6dms  %s\n", v.name, v.took.Milliseconds(), word)
	}
	fmt.Printf("%d of %d identical\n", same, len(verdicts))
	if len(verdicts) == 0 || float64(same)*100 < least*float64(len(verdicts)) {
		return 1
	}
	return 0
}

// check installs, bundles, runs and compares one package.
func check(s subject, cache string) verdict {
	began := time.Now()
	v := verdict{name: s.Package + "@" + s.Version}
	defer func() { v.took = time.Since(began) }()
	dir, err := install(s, cache)
	if err == nil {
		err = play(s, dir)
	}
	if err != nil {
		v.reason = strings.ReplaceAll(err.Error(), "\n", " ")
		if len(v.reason) > 200 {
			v.reason = v.reason[:200]
		}
	}
	v.took = time.Since(began)
	return v
}

// install puts the pinned packages into a folder of the cache, once.
func install(s subject, cache string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(cache, strings.NewReplacer("/", "_", "@", "").Replace(s.Package)))
	if err != nil {
		return "", err
	}
	want, err := json.Marshal(map[string]any{"name": "check", "version": "1.0.0", "private": true, "dependencies": s.Install})
	if err != nil {
		return "", err
	}
	manifest := filepath.Join(dir, "package.json")
	have, _ := os.ReadFile(manifest)
	_, missing := os.Stat(filepath.Join(dir, "done"))
	if string(have) == string(want) && missing == nil {
		return dir, nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755), os.WriteFile(manifest, want, 0o644)); err != nil {
		return "", err
	}
	npm := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w: %s", err, out)
	}
	return dir, os.WriteFile(filepath.Join(dir, "done"), nil, 0o644)
}

// glue turns the calls' argument lists into the one argument of a method.
const glue = `import * as m from "./entry.ts"; export async function call(q) { return await m[q.export](...q.args); }`

func play(s subject, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "entry.ts"), []byte(s.Entry), 0o644); err != nil {
		return err
	}
	code, _, err := pack.Entry(context.Background(), dir, "glue.ts", glue)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	e, err := start(string(code))
	if err != nil {
		return err
	}
	defer e.close()
	for _, c := range s.Calls {
		q, err := json.Marshal(map[string]json.RawMessage{"export": json.RawMessage(fmt.Sprintf("%q", c.Export)), "args": c.Args})
		if err != nil {
			return err
		}
		got, err := e.invoke(q)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Export, err)
		}
		if diff := compare(got, c.Expected, c.Compare); diff != "" {
			return fmt.Errorf("%s: %s", c.Export, diff)
		}
	}
	return nil
}
