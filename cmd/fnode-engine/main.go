//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0

// Command fnode-engine runs the code of one extension for fnode-supervisor. It is started by the
// supervisor inside a sandbox and speaks the pipe protocol of package wire on its standard streams; it
// reads nothing from its arguments or its environment but --version and --help.
//
// It enters what the sandbox's gate asks for before anything else, warms its VM up, seals itself, and
// answers until its input ends.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/franken-node/fnode-supervisor/engineproc/engine"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
)

// goMemory bounds the Go heap beside the JS heap: frames and their copies. The cgroup bounds the whole.
const goMemory = 24 << 20

func main() {
	if len(os.Args) > 1 {
		talk(os.Args[1])
		return
	}
	debug.SetMemoryLimit(goMemory)
	debug.SetMaxStack(16 << 20)
	if _, err := inside.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "fnode-engine: the sandbox could not be entered:", err)
		os.Exit(71)
	}
	if err := engine.Run(os.Stdin, os.Stdout, engine.Options{Ready: inside.Seal}); err != nil {
		fmt.Fprintln(os.Stderr, "fnode-engine:", err)
		os.Exit(1)
	}
}

func talk(arg string) {
	switch arg {
	case "--version":
		fmt.Println(engine.Name, engine.Build)
	case "--help", "-h":
		fmt.Println("fnode-engine is started by fnode-supervisor and speaks its pipe protocol on stdin and stdout.\n\n  fnode-engine --version   print name and version")
	default:
		fmt.Fprintf(os.Stderr, "fnode-engine: unknown argument %q; try --help\n", arg)
		os.Exit(64)
	}
}
