package inside

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Seal forbids every thread every system call but those of the allowlist, for ever; a forbidden one
// kills the process. An engine calls it after its warm-up (virtual machine made, one Date and one
// random number used) and before its ready frame. It does nothing if the gate did not ask for it.
//
// Randomness is such a thing: crypto/rand may map memory of a kind that the list does not have, so an
// engine takes it by a host call, or draws a seed before.
//
// From then on no file can be opened and no new kind of thing done: whatever the engine may ever need
// of the kernel must have happened once before.
func Seal() error {
	if !current.entered {
		return errors.New("inside: Seal before Enter")
	}
	if !current.gate.Steps.Has(StepSeccomp) {
		return nil
	}
	if !CanSeal() {
		return errors.New("inside: no filter is built for this processor")
	}
	warmRuntime()
	return install(compile(allowlist(uint32(unix.Getpid()), openAbove(2))))
}

// warmRuntime makes the runtime do now what it does once: open its poller for the first timer, and
// read the local time zone (in the empty root: UTC).
func warmRuntime() {
	fired := make(chan struct{})
	time.AfterFunc(time.Millisecond, func() { close(fired) })
	<-fired
	_ = time.Now().Local().Hour()
}

// openAbove lists the open descriptors above n: here the poller's.
func openAbove(n uint32) []uint32 {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil || lim.Cur > 4096 {
		lim.Cur = 4096
	}
	var open []uint32
	for fd := n + 1; fd < uint32(lim.Cur); fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, fd)
		}
	}
	return open
}

// install puts the filter on all threads at once; a thread that cannot take it fails the whole.
func install(filter []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	tid, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	switch {
	case errno != 0:
		return fmt.Errorf("inside: seccomp: %w", errno)
	case tid != 0:
		return fmt.Errorf("inside: seccomp: thread %d does not take the filter", tid)
	}
	return nil
}
