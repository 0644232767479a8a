// Package pack turns an extension's folder into what an engine loads: the manifest checked, the code
// bundled by esbuild with a source map, both in one content-addressed archive. The same inputs give the
// same bytes.
//
// It runs no code of the package and no install script, and asks no network. Node builtins resolve to
// small modules of our own (builtins/), or to honest empty ones whose use throws with the builtin's name;
// fnode: modules resolve to what the engine offers.
//
// Manifests and archives are hostile until parsed: sizes are bounded, every fault has its file, line and
// column.
//
// Concurrency: functions may be called from any goroutine; a Package and a Mapper are immutable.
//
//	p, err := pack.Pack(ctx, "examples/markdown")
//	err = p.Write(f)
//	frames := p.Mapper().Map(stack)
package pack
