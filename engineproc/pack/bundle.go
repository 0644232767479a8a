package pack

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

//go:embed builtins/*.js
var builtins embed.FS

// names are Node's builtins. Those without a file in builtins/ are honest empty modules.
const names = `assert assert/strict async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns
domain events fs fs/promises http http2 https inspector module net os path path/posix path/win32 perf_hooks process punycode querystring readline repl
stream stream/promises stream/web string_decoder sys timers timers/promises tls tty url util util/types v8 vm wasi worker_threads zlib`

// alias are builtins that are parts of another.
var alias = map[string]string{
	"assert/strict": "assert", "path/posix": "path", "path/win32": "path", "sys": "util",
	"stream/promises": "stream.promises", "timers/promises": "timers.promises", "util/types": "util.types", "fs/promises": "fs.promises",
}

var builtinRule = regexp.MustCompile(`^(?:node:)?(?:` + strings.ReplaceAll(strings.Join(strings.Fields(names), "|"), "/", `\/`) + `)$`)

// preamble gives every builtin module a way to name what it lacks.
const preamble = `const missing = (name) => new Proxy(Object.create(null), { get(t, k) {
  if (typeof k === "symbol" || k === "__esModule" || k === "then" || k === "default") return undefined;
  const f = function () { throw new Error(name + "." + String(k) + " is not available in fnode-engine"); };
  return f;
} });
`

// bundle is what esbuild makes of an entry point.
type bundle struct{ code, sourceMap []byte }

// Entry bundles one entry point below dir, or the text of one, as an engine loads it. File names are for
// error messages and the source map only.
func Entry(ctx context.Context, dir, file, text string) (code, sourceMap []byte, err error) {
	b, err := build(ctx, dir, file, text, false)
	if err != nil {
		if again, err2 := build(ctx, dir, file, text, true); err2 == nil {
			return again.code, again.sourceMap, nil // only the browser's build of some dependency resolves
		}
		return nil, nil, err
	}
	return b.code, b.sourceMap, nil
}

func build(ctx context.Context, dir, file, text string, browser bool) (bundle, error) {
	if err := ctx.Err(); err != nil {
		return bundle{}, err
	}
	o := api.BuildOptions{
		AbsWorkingDir: dir, Outfile: filepath.Join(dir, "bundle.js"), Bundle: true, Write: false,
		Format: api.FormatIIFE, GlobalName: "__fnode_exports", Platform: api.PlatformNeutral, Target: api.ES2023,
		MainFields: []string{"module", "main"}, Conditions: []string{"import", "default"},
		Define:    map[string]string{"process.env.NODE_ENV": `"production"`},
		Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude, LogLevel: api.LogLevelSilent,
		Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone, Plugins: []api.Plugin{inside(dir), nodePlugin()}, TsconfigRaw: tsconfig(dir),
		Loader: map[string]api.Loader{".json": api.LoaderJSON, ".txt": api.LoaderText, ".css": api.LoaderNone, ".module.css": api.LoaderNone},
		Banner: map[string]string{"js": `"use strict";`}, // ES modules are; esbuild's classic script would not be
	}
	if browser {
		o.MainFields, o.Conditions = []string{"browser", "module", "main"}, []string{"browser", "import", "default"}
	}
	if text != "" {
		o.Stdin = &api.StdinOptions{Contents: text, ResolveDir: dir, Sourcefile: file, Loader: api.LoaderTS}
	} else {
		o.EntryPoints = []string{filepath.Join(dir, file)}
	}
	r := api.Build(o)
	if len(r.Errors) > 0 {
		return bundle{}, bundleFaults(dir, r.Errors)
	}
	var out bundle
	for _, f := range r.OutputFiles {
		switch f.Path {
		case o.Outfile:
			out.code = f.Contents
		case o.Outfile + ".map":
			out.sourceMap = f.Contents
		default:
			return bundle{}, codes.New(codes.BundleFailed, "a file is imported that is no code: it would become %s", filepath.Base(f.Path))
		}
	}
	if len(out.code) == 0 {
		return bundle{}, errors.New("esbuild made no bundle")
	}
	return out, nil
}

// inside keeps the bundler in the package: a package that nobody trusts must not carry off files of the host by
// importing them, by way of links or not. What esbuild would say of such a file shows its lines.
func inside(dir string) api.Plugin {
	return api.Plugin{Name: "inside", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.PluginData == resolving || a.Namespace != "file" && a.Namespace != "" {
				return api.OnResolveResult{}, nil
			}
			r := b.Resolve(a.Path, api.ResolveOptions{Importer: a.Importer, Namespace: a.Namespace, ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: resolving})
			if len(r.Errors) > 0 || r.Namespace != "file" {
				return api.OnResolveResult{}, nil // esbuild tells it better itself
			}
			if err := usable(dir, r.Path); err != nil {
				return api.OnResolveResult{}, fmt.Errorf("%q %w", a.Path, err)
			}
			return api.OnResolveResult{}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			return api.OnLoadResult{}, usable(dir, a.Path)
		})
	}}
}

// resolving marks a resolution that the plugin asks for itself.
var resolving any = new(int)

// usable refuses what is not, links followed, a regular file of bounded size below dir.
func usable(dir, file string) error {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
		return errors.New("leads out of the package")
	}
	st, err := os.Stat(real)
	switch {
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return errors.New("is no regular file")
	case st.Size() > maxBundle:
		return fmt.Errorf("has %d bytes, at most %d", st.Size(), maxBundle)
	}
	return nil
}

// tsconfig is the package's own tsconfig.json without "extends", or an empty one: esbuild would look above the
// package and follow "extends" out of it.
func tsconfig(dir string) string {
	name := filepath.Join(dir, "tsconfig.json")
	if usable(dir, name) != nil {
		return "{}"
	}
	b, err := os.ReadFile(name)
	var raw map[string]json.RawMessage
	if err != nil || json.Unmarshal(plainJSON(b), &raw) != nil {
		return "{}"
	}
	delete(raw, "extends")
	out, err := json.Marshal(raw)
	if err != nil {
		return "{}"
	}
	return string(out)
}

// plainJSON takes comments and trailing commas out of the JSON dialect of tsconfig.json.
func plainJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		rest := b[i:]
		switch {
		case b[i] == '"':
			n := 1
			for n < len(rest) && rest[n] != '"' {
				if rest[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(rest))
			out, i = append(out, rest[:n]...), i+n-1
		case bytes.HasPrefix(rest, []byte("//")):
			i += until(rest, "\n") - 1
		case bytes.HasPrefix(rest, []byte("/*")):
			i += until(rest, "*/") + 1
		case b[i] == '}' || b[i] == ']':
			out = append(bytes.TrimSuffix(bytes.TrimRight(out, " \t\r\n"), []byte(",")), b[i])
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// until is where end begins, or the length.
func until(b []byte, end string) int {
	if i := bytes.Index(b, []byte(end)); i >= 0 {
		return i
	}
	return len(b)
}

// nodePlugin resolves Node's builtins and fnode: modules. A name with a trailing slash is the npm package.
func nodePlugin() api.Plugin {
	return api.Plugin{Name: "fnode", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^(node:)?[a-z0-9_]+(/[a-z0-9_]+)?$`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if !builtinRule.MatchString(a.Path) {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: strings.TrimPrefix(a.Path, "node:"), Namespace: "node"}, nil
		})
		b.OnResolve(api.OnResolveOptions{Filter: `^fnode:`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if name := strings.TrimPrefix(a.Path, "fnode:"); fnodeModules[name] == "" {
				return api.OnResolveResult{}, errors.New("there is no module " + a.Path + "; there are fnode:kv and fnode:host")
			}
			return api.OnResolveResult{Path: a.Path, Namespace: "fnode"}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "node"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			src := builtin(a.Path)
			return api.OnLoadResult{Contents: &src, Loader: api.LoaderJS}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "fnode"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			src := fnodeModules[strings.TrimPrefix(a.Path, "fnode:")]
			return api.OnLoadResult{Contents: &src, Loader: api.LoaderJS}, nil
		})
	}}
}

// fnodeModules are what the engine offers while a bundle loads.
var fnodeModules = map[string]string{
	"kv":   `const m = globalThis.__fnode_host("kv"); export const { get, set, list } = m; const del = m.delete; export { del as delete, del }; export default m;`,
	"host": `const m = globalThis.__fnode_host("host"); export default m; export const config = m.config, name = m.name, version = m.version;`,
}

// builtin is the source of one of Node's builtins.
func builtin(name string) string {
	if to, ok := alias[name]; ok {
		mod, part, has := strings.Cut(to, ".")
		if !has {
			return `module.exports = require("` + mod + `");`
		}
		return `module.exports = require("` + mod + `").` + part + ` ?? {};`
	}
	if b, err := builtins.ReadFile("builtins/" + name + ".js"); err == nil {
		return preamble + string(b)
	}
	return preamble + `module.exports = Object.create(missing("` + name + `"));`
}

var missingModule = regexp.MustCompile(`Could not resolve "([^"]+)"`)

// bundleFaults gives esbuild's messages their codes and places, relative to the package.
func bundleFaults(dir string, msgs []api.Message) Faults {
	var out Faults
	for _, m := range msgs {
		code, hint := codes.BundleFailed, ""
		if miss := missingModule.FindStringSubmatch(m.Text); miss != nil && !strings.HasPrefix(miss[1], ".") {
			code, hint = codes.MissingDependency, miss[1]
		}
		e := codes.New(code, "%s", plain(m.Text))
		if l := m.Location; l != nil {
			e.At(codes.Position{File: filepath.Join(dir, l.File), Line: l.Line, Col: l.Column + 1, Text: clip(l.LineText, 200)})
		}
		if hint != "" {
			e.Fact("missing", "%s", hint).Fact("try", "npm ci --ignore-scripts")
		}
		out = append(out, e)
	}
	return out
}

// plain says in an author's words what esbuild says in its own.
func plain(text string) string {
	switch {
	case strings.HasPrefix(text, "Top-level await is"):
		return "top-level await is not supported: await in a function, such as the method that needs it"
	case strings.HasPrefix(text, "No loader is configured"):
		return "this file is no code: JavaScript, TypeScript, JSON and .txt can be imported"
	}
	return text
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
