// Command fnodevet is a vet tool for programs that use the kernel: it finds promises that some path forgets, wrong
// uses of a Cx, loops without Checkpoint, and ambient authority in code that holds a Cx.
//
//	fnodevet ./...
//	go vet -vettool=$(which fnodevet) ./...
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/franken-node/fnode-supervisor/internal/vet"
)

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		help(os.Stdout)
	case speaks(args):
		unitchecker.Main(vet.Analyzers()...)
	default:
		os.Exit(run(args))
	}
}

// speaks says whether it is go vet that calls, or somebody who asks for a rule.
func speaks(args []string) bool {
	last := args[len(args)-1]
	return strings.HasSuffix(last, ".cfg") || args[0] == "-V=full" || args[0] == "-flags" || args[0] == "help"
}

// run has go vet run this program over the packages.
func run(args []string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fnodevet:", err)
		return 2
	}
	cmd := exec.Command("go", append([]string{"vet", "-vettool=" + self}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "fnodevet:", err)
	return 2
}

func help(w io.Writer) {
	fmt.Fprint(w, `fnodevet checks programs that use the kernel of fnode-supervisor.

  fnodevet [flags] ./...                          check packages (needs the go command)
  go vet -vettool=$(which fnodevet) [flags] ./... the same
  fnodevet help RULE                              what a rule means

Rules:
`)
	for _, a := range vet.Analyzers() {
		title, _, _ := strings.Cut(a.Doc, "\n")
		fmt.Fprintf(w, "  %-11s %s\n", a.Name, title)
	}
	fmt.Fprint(w, `
Flags:
  -RULE         run only the rules that are named; -RULE=false leaves one out
  -RULE.tests   report _test.go files too
  -json         findings as JSON
  -c N          show N lines around each finding

A finding names the line where the fault begins, the lines of a path that leads to it, and the remedy.
To allow one, with a reason, on its line or above it:

  //fnodevet:allow RULE reason

Exit status: 0 without findings, 1 with findings, 2 where the check could not run.
`)
}
