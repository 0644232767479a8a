// Package render prints what a command has to say: one value in six forms on stdout, and errors on stderr.
//
// It owns the layout of tables and errors, and the cleaning of text that comes from extensions: what
// reaches a terminal holds no control characters. It never asks the daemon, and never decides an exit code.
//
// A Printer is used by one goroutine.
//
//	p := render.Printer{Out: os.Stdout, Err: os.Stderr, Format: render.Table}
//	err := p.Doc(render.Doc{Value: tree, Names: paths, Text: drawing})
package render
