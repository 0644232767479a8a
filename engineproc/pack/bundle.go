package pack

import (
	"context"
	"embed"
	"errors"
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
		Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone, Plugins: []api.Plugin{nodePlugin()},
		Loader: map[string]api.Loader{".json": api.LoaderJSON, ".txt": api.LoaderText},
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
		if strings.HasSuffix(f.Path, ".map") {
			out.sourceMap = f.Contents
		} else {
			out.code = f.Contents
		}
	}
	if len(out.code) == 0 {
		return bundle{}, errors.New("esbuild made no bundle")
	}
	return out, nil
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
		e := codes.New(code, "%s", m.Text)
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

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
