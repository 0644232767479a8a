package isolation

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// Cause is the one reason of a death.
type Cause string

// The causes.
const (
	CauseExit    Cause = "exit"       // it ended by itself, with a code
	CauseSignal  Cause = "signal"     // a signal that we did not send
	CauseOOM     Cause = "oom_cgroup" // the kernel killed it for want of memory
	CauseSeccomp Cause = "seccomp"    // a forbidden system call
	CauseKilled  Cause = "killed"     // by us, for Reason
)

// Death says how a child ended. Immutable.
type Death struct {
	Cause    Cause
	Code     int            // exit code, if Cause is exit
	Signal   syscall.Signal // else the signal
	Reason   string         // what Kill was told, if Cause is killed
	OOMKills uint64         // tasks of its group that the kernel killed for want of memory
	Lived    time.Duration
}

// String gives "exit(3)", "signal(segmentation fault)", "oom_cgroup", "seccomp" or "killed(deadline)".
func (d Death) String() string {
	switch d.Cause {
	case CauseExit:
		return fmt.Sprintf("exit(%d)", d.Code)
	case CauseSignal:
		return fmt.Sprintf("signal(%s)", d.Signal)
	case CauseKilled:
		return fmt.Sprintf("killed(%s)", d.Reason)
	}
	return string(d.Cause)
}

// killNote is what Kill writes down before it kills.
type killNote struct {
	asked  bool
	reason string
	oom    uint64 // the group's counter at that moment
}

// judge finds the one cause. A group whose counter rose before we killed had died of memory already;
// a SIGKILL that neither we nor the counter explain came from outside.
func judge(st *os.ProcessState, note killNote, oom uint64, lived time.Duration) Death {
	d := Death{OOMKills: oom, Lived: lived}
	ws, ok := st.Sys().(syscall.WaitStatus)
	if ok && ws.Exited() {
		d.Cause, d.Code = CauseExit, ws.ExitStatus()
		return d
	}
	d.Cause, d.Signal = CauseSignal, ws.Signal()
	switch {
	case d.Signal == syscall.SIGSYS:
		d.Cause = CauseSeccomp
	case d.Signal != syscall.SIGKILL:
	case note.asked && note.oom == 0:
		d.Cause, d.Reason = CauseKilled, note.reason
	case oom > 0:
		d.Cause = CauseOOM
	case note.asked:
		d.Cause, d.Reason = CauseKilled, note.reason
	}
	return d
}
