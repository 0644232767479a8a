// Package inside is the engine's half of the sandbox: the steps that a process can only take on itself.
//
// It owns the gate and report messages and the steps between them; it never speaks the engine
// protocol, and it imports nothing but golang.org/x/sys/unix. An engine calls Enter first in main,
// before it reads anything else from stdin, and Seal once its warm-up is over:
//
//	supervisor                                     engine
//	    | clone into cgroup and namespaces, exec      |
//	    |-------------------------------------------->|
//	    | gate, 64 bytes on stdin                     |  Enter: close fds, empty root, rlimits,
//	    |-------------------------------------------->|  no new privileges, capabilities, dumpable,
//	    |              report, 512 bytes on stdout    |  landlock, write xor execute
//	    |<--------------------------------------------|
//	    | reads back from /proc what the kernel says  |
//	    |         the engine protocol begins          |  warm-up, Seal (seccomp), ready frame
//
// The order of the steps matters: a mount after landlock or without capabilities is refused, a filter
// before landlock kills. Capabilities, no_new_privs and landlock belong to a thread, and a Go program
// has several: these steps run on every thread (syscall.AllThreadsSyscall, which needs CGO_ENABLED=0).
//
// An engine must carry these lines before its package clause, or its runtime makes system calls and
// holds files that have no place in a sandbox; Enter refuses to run without them:
//
//	//go:debug containermaxprocs=0
//	//go:debug updatemaxprocs=0
//	//go:debug decoratemappings=0
//
// Concurrency: Enter and Seal are called once each, from main, before other goroutines use files.
package inside
