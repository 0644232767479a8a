// Package cli is the command tree of fnctl: flags, the request each command makes, and what it prints.
//
// It owns the names, examples and exit codes of the commands. It never reads the daemon's files and decides
// nothing that the daemon decides. What belongs to other packages (self-tests of the host, packing, the
// configuration) is handed in with Env. The lab commands run in this process and ask no daemon.
//
// Main is called once a process; it starts no goroutine that outlives it.
//
//	os.Exit(cli.Main(ctx, cli.Env{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
package cli
