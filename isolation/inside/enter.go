package inside

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// current is what this process was told and did; written by Enter, read by Seal.
var current struct {
	gate    Gate
	entered bool
}

// Enter reads the gate from stdin, takes the steps it names and writes the report to stdout. It must be
// the first thing that main does. A step that fails is in Report.Failed and does not end Enter: the
// supervisor decides whether a weaker sandbox may run. An error means that nothing can be trusted
// (no gate, no report, wrong build): the engine must exit.
func Enter() (Report, error) {
	if err := checkBuild(); err != nil {
		return Report{}, err
	}
	gate, err := ReadGate(fd(0))
	if err != nil {
		return Report{}, err
	}
	current.gate, current.entered = gate, true
	var r Report
	for _, s := range enterSteps {
		if gate.Steps.Has(s.step) {
			r.note(s.step, s.take(gate, &r))
		}
	}
	if _, err := fd(1).Write(r.Marshal()); err != nil {
		return r, fmt.Errorf("inside: report: %w", err)
	}
	return r, nil
}

// enterSteps is the order that works (design: strict notes).
var enterSteps = []struct {
	step Step
	take func(Gate, *Report) error
}{
	{StepCloseFDs, func(Gate, *Report) error { return unix.CloseRange(3, 1<<31-1, 0) }},
	{StepEmptyRoot, func(Gate, *Report) error { return emptyRoot() }},
	{StepRlimits, func(g Gate, _ *Report) error { return limitResources(g) }},
	{StepNoNewPrivs, func(Gate, *Report) error { return onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0) }},
	{StepCapabilities, func(Gate, *Report) error { return dropCapabilities() }},
	{StepDumpable, func(Gate, *Report) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
	{StepLandlock, func(_ Gate, r *Report) error { return lockPaths(r) }},
	{StepMDWE, func(Gate, *Report) error { return unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) }},
}

func (r *Report) note(s Step, err error) {
	if err == nil {
		r.Done |= s
		return
	}
	r.Failed |= s
	if r.Text != "" {
		r.Text += "; "
	}
	r.Text += s.String() + ": " + err.Error()
}

// Limits gives the resource limits that StepRlimits sets, by RLIMIT number (getrlimit(2)).
func (g Gate) Limits() map[int]uint64 {
	files, space := uint64(g.OpenFiles), g.AddressSpace
	if files == 0 {
		files = 16
	}
	if space == 0 {
		space = 4 << 30
	}
	return map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_MSGQUEUE: 0,
		unix.RLIMIT_NOFILE: files, unix.RLIMIT_AS: space,
	}
}

func limitResources(g Gate) error {
	var faults []error
	for which, n := range g.Limits() {
		lim := unix.Rlimit{Cur: n, Max: n}
		if err := unix.Prlimit(0, which, &lim, nil); err != nil {
			faults = append(faults, fmt.Errorf("rlimit %d to %d: %w", which, n, err))
		}
	}
	return errors.Join(faults...)
}

// dropCapabilities empties the ambient, effective, permitted and inheritable sets of every thread and
// locks the secure bits, so that not even an exec as the namespace's root brings one back.
func dropCapabilities() error {
	const locked = 0xef // NOROOT, NO_SETUID_FIXUP, KEEP_CAPS_LOCKED, NO_CAP_AMBIENT_RAISE and their locks
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return fmt.Errorf("ambient: %w", err)
	}
	// Without capabilities to begin with (no user namespace, not root) the bits cannot be set, nor
	// are they needed: no_new_privs keeps it so.
	bitsErr := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, locked, 0)
	if bitsErr != nil && !errors.Is(bitsErr, unix.EPERM) {
		return fmt.Errorf("securebits: %w", bitsErr)
	}
	return setNoCapabilities()
}

// checkBuild refuses a build whose runtime would work against the sandbox.
func checkBuild() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("inside: the program carries no build information")
	}
	set := ""
	for _, s := range info.Settings {
		if s.Key == "DefaultGODEBUG" {
			set = s.Value
		}
		if s.Key == "CGO_ENABLED" && s.Value != "0" {
			return errors.New("inside: build the engine with CGO_ENABLED=0: steps must reach every thread")
		}
	}
	for _, line := range []string{"containermaxprocs=0", "updatemaxprocs=0", "decoratemappings=0"} {
		if !strings.Contains(set, line) {
			return fmt.Errorf("inside: the engine's main package needs the line //go:debug %s before its package clause", line)
		}
	}
	return nil
}

func onAllThreads(trap, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall6(trap, a1, a2, a3, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// fd reads and writes a descriptor by plain system calls: os.File could wake the runtime's poller.
type fd int

func (f fd) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (f fd) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Write(int(f), b[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
