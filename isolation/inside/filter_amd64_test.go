package inside

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// run interprets a filter as the kernel does, for the instructions in use.
func run(t interface{ Fatalf(string, ...any) }, prog []unix.SockFilter, arch, nr uint32, args [6]uint64) uint32 {
	var data [64]byte
	binary.LittleEndian.PutUint32(data[offNr:], nr)
	binary.LittleEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[offArgs+8*i:], a)
	}
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		switch in := prog[pc]; in.Code {
		case opLoad:
			acc = binary.LittleEndian.Uint32(data[in.K:])
		case opEqual:
			pc += pick(acc == in.K, in)
		case opBits:
			pc += pick(acc&in.K != 0, in)
		case opRet:
			return in.K
		default:
			t.Fatalf("instruction %d: code %#x", pc, in.Code)
		}
	}
	t.Fatalf("the filter runs off its end")
	return 0
}

func pick(yes bool, in unix.SockFilter) int {
	if yes {
		return int(in.Jt)
	}
	return int(in.Jf)
}

func TestFilterDecidesByNumberAndArguments(t *testing.T) {
	prog := compile(allowlist(1, []uint32{3, 4}))
	const x32 = 0x40000000
	for _, c := range []struct {
		what  string
		nr    uint32
		args  [6]uint64
		allow bool
	}{
		{"read of stdin", unix.SYS_READ, [6]uint64{0}, true},
		{"read of the poller", unix.SYS_READ, [6]uint64{4}, true},
		{"read of another", unix.SYS_READ, [6]uint64{5}, false},
		{"write to stdin", unix.SYS_WRITE, [6]uint64{0}, false},
		{"write to stderr", unix.SYS_WRITE, [6]uint64{2}, true},
		{"memory", unix.SYS_MMAP, [6]uint64{0, 4096, 3, 0x22, 1<<64 - 1, 0}, true},
		{"fixed memory", unix.SYS_MMAP, [6]uint64{4096, 4096, 0, 0x32, 1<<64 - 1, 0}, true},
		{"executable memory", unix.SYS_MMAP, [6]uint64{0, 4096, 5, 0x22, 1<<64 - 1, 0}, false},
		{"memory of a file", unix.SYS_MMAP, [6]uint64{0, 4096, 1, 0x22, 3, 0}, false},
		{"shared memory", unix.SYS_MMAP, [6]uint64{0, 4096, 3, 0x21, 1<<64 - 1, 0}, false},
		{"flags in the high half", unix.SYS_MMAP, [6]uint64{0, 4096, 3, 1<<32 | 0x22, 1<<64 - 1, 0}, false},
		{"a thread", unix.SYS_CLONE, [6]uint64{cloneThread}, true},
		{"a process", unix.SYS_CLONE, [6]uint64{uint64(unix.SIGCHLD)}, false},
		{"a thread in a namespace", unix.SYS_CLONE, [6]uint64{cloneThread | unix.CLONE_NEWUSER}, false},
		{"signal to itself", unix.SYS_TGKILL, [6]uint64{1, 5, 23}, true},
		{"signal to another", unix.SYS_TGKILL, [6]uint64{2, 2, 9}, false},
		{"private futex", unix.SYS_FUTEX, [6]uint64{0, 128}, true},
		{"shared futex", unix.SYS_FUTEX, [6]uint64{0, 0}, false},
		{"thaw", unix.SYS_RESTART_SYSCALL, [6]uint64{}, true},
		{"open", unix.SYS_OPENAT, [6]uint64{}, false},
		{"exec", unix.SYS_EXECVE, [6]uint64{}, false},
		{"socket", unix.SYS_SOCKET, [6]uint64{}, false},
		{"read by the x32 number", x32 | unix.SYS_READ, [6]uint64{0}, false},
	} {
		got := run(t, prog, unix.AUDIT_ARCH_X86_64, c.nr, c.args) == unix.SECCOMP_RET_ALLOW
		if got != c.allow {
			t.Errorf("%s: allowed %t, want %t", c.what, got, c.allow)
		}
	}
	if run(t, prog, unix.AUDIT_ARCH_I386, unix.SYS_READ, [6]uint64{0}) == unix.SECCOMP_RET_ALLOW {
		t.Error("a 32-bit call was allowed")
	}
}

func TestFilterAllowsNothingButTheList(t *testing.T) {
	rules := allowlist(1, []uint32{3, 4})
	if len(rules) != 20 {
		t.Fatalf("%d names, the page says 20", len(rules))
	}
	prog := compile(rules)
	listed := map[uint32]bool{}
	for _, r := range rules {
		listed[r.nr] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		nr := rapid.OneOf(rapid.Uint32Range(0, 500), rapid.Uint32()).Draw(t, "nr")
		var args [6]uint64
		for i := range args {
			args[i] = rapid.Uint64().Draw(t, "arg")
		}
		switch got := run(t, prog, unix.AUDIT_ARCH_X86_64, nr, args); {
		case got != unix.SECCOMP_RET_ALLOW && got != unix.SECCOMP_RET_KILL_PROCESS:
			t.Fatalf("call %d: verdict %#x", nr, got)
		case got == unix.SECCOMP_RET_ALLOW && !listed[nr]:
			t.Fatalf("call %d is allowed and not on the list", nr)
		}
	})
}
