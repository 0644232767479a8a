package inside

import "golang.org/x/sys/unix"

// CanSeal reports whether a filter is built for this processor.
func CanSeal() bool { return true }

// rule is one allowed system call with conditions on its arguments; all conditions must hold.
type rule struct {
	nr    uint32
	name  string
	tests []argTest
}

// argTest looks at one argument: with mask, the masked bits must be zero; else the value must be one of
// any. Only the low 32 bits are compared unless wide, which wants the high ones zero too: the kernel
// takes descriptors, operations and ids as 32-bit values, but lengths and protections as longs.
type argTest struct {
	arg  int
	any  []uint32
	mask uint32
	wide bool
}

// Values of the rules. cloneThread is what the Go runtime passes on amd64 to start a thread: its own
// constant plus CLONE_SETTLS, which its assembly adds.
const (
	cloneThread = 0xd0f00
	noFD        = 0xffffffff // -1 as an int
)

// allowlist gives the 20 calls that a warmed-up Go engine makes, for this pid and these descriptors of
// the runtime's poller (design: strict notes, section 4). restart_syscall is never seen in a trace and
// still needed: without it the first freeze and thaw of the cgroup kills. rt_sigaction is left out on
// purpose; so SIGTERM ends as SIGSYS, and only SIGKILL may be sent.
func allowlist(pid uint32, poller []uint32) []rule {
	fd := func(own ...uint32) []argTest { return []argTest{{arg: 0, any: append(own, poller...)}} }
	return []rule{
		{unix.SYS_FUTEX, "futex", []argTest{{arg: 1, any: []uint32{128, 129}}}}, // WAIT, WAKE, both private
		{unix.SYS_READ, "read", fd(0)},
		{unix.SYS_WRITE, "write", fd(1, 2)},
		{unix.SYS_EPOLL_PWAIT, "epoll_pwait", nil},
		{unix.SYS_CLOCK_GETTIME, "clock_gettime", nil},
		{unix.SYS_NANOSLEEP, "nanosleep", nil},
		{unix.SYS_GETPID, "getpid", nil},
		{unix.SYS_GETTID, "gettid", nil},
		{unix.SYS_TGKILL, "tgkill", []argTest{{arg: 0, any: []uint32{pid}}}},
		{unix.SYS_RT_SIGRETURN, "rt_sigreturn", nil},
		{unix.SYS_RT_SIGPROCMASK, "rt_sigprocmask", nil},
		{unix.SYS_SIGALTSTACK, "sigaltstack", nil},
		{unix.SYS_SCHED_YIELD, "sched_yield", nil},
		{unix.SYS_MMAP, "mmap", []argTest{
			{arg: 2, mask: unix.PROT_EXEC, wide: true},
			{arg: 3, any: []uint32{unix.MAP_PRIVATE | unix.MAP_ANON, unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_FIXED}, wide: true},
			{arg: 4, any: []uint32{noFD}},
		}},
		{unix.SYS_MUNMAP, "munmap", nil},
		{unix.SYS_MADVISE, "madvise", []argTest{{arg: 2, any: []uint32{
			unix.MADV_DONTNEED, unix.MADV_FREE, unix.MADV_HUGEPAGE, unix.MADV_NOHUGEPAGE, unix.MADV_COLLAPSE,
		}}}},
		{unix.SYS_CLONE, "clone", []argTest{{arg: 0, any: []uint32{cloneThread}, wide: true}}},
		{unix.SYS_RESTART_SYSCALL, "restart_syscall", nil},
		{unix.SYS_EXIT, "exit", nil},
		{unix.SYS_EXIT_GROUP, "exit_group", nil},
	}
}

// Offsets in struct seccomp_data (seccomp(2)).
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// The instructions in use (classic BPF).
const (
	opLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opBits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	opRet   = unix.BPF_RET | unix.BPF_K
)

// compile gives the filter: the right machine, then each rule in turn; what matches none, kills the
// whole process. Numbers of the x32 interface have a high bit and so match none.
func compile(rules []rule) []unix.SockFilter {
	kill := stmt(opRet, unix.SECCOMP_RET_KILL_PROCESS)
	prog := []unix.SockFilter{
		stmt(opLoad, offArch), jump(opEqual, unix.AUDIT_ARCH_X86_64, 1, 0), kill,
	}
	for _, r := range rules {
		body := compileTests(r.tests)
		prog = append(prog, stmt(opLoad, offNr), jump(opEqual, r.nr, 0, uint8(len(body))))
		prog = append(prog, body...)
	}
	return append(prog, kill)
}

// compileTests gives the block of one rule: it returns allow or kill and never falls through.
func compileTests(tests []argTest) []unix.SockFilter {
	var body []unix.SockFilter
	kill := stmt(opRet, unix.SECCOMP_RET_KILL_PROCESS)
	for _, t := range tests {
		low := uint32(offArgs + 8*t.arg)
		if t.wide {
			body = append(body, stmt(opLoad, low+4), jump(opEqual, 0, 1, 0), kill)
		}
		body = append(body, stmt(opLoad, low))
		if t.mask != 0 {
			body = append(body, jump(opBits, t.mask, 0, 1), kill)
			continue
		}
		for i, v := range t.any { // a match jumps over the rest and over the kill
			body = append(body, jump(opEqual, v, uint8(len(t.any)-i), 0))
		}
		body = append(body, kill)
	}
	return append(body, stmt(opRet, unix.SECCOMP_RET_ALLOW))
}

func stmt(op uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: op, K: k} }

func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: op, K: k, Jt: yes, Jf: no}
}
