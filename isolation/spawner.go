package isolation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"golang.org/x/sys/unix"
)

// spawner is the one thread that makes processes. Between starts it stands, on v1, inside the groups of
// the next engine, whose directories it made ahead: a thread's first move into a v1 group after some
// idleness costs about 10 ms, and this way a start never pays for it.
type spawner struct {
	tree     *cgroup.Tree
	flags    uintptr
	nnp      bool              // set no_new_privs on the thread, so that every engine inherits it
	requests chan spawnRequest // capacity 0; closed by stop
	nudges   chan struct{}     // capacity 1; never closed
	done     chan struct{}     // capacity 0; closed by the thread's goroutine when it ends
}

type spawnRequest struct {
	path   string
	args   []string
	files  []*os.File // fds 0, 1, 2
	limits cgroup.Limits
	reply  chan spawned // capacity 1; never closed
}

// spawned is a process that has been executed, with its group.
type spawned struct {
	proc   *os.Process
	group  *cgroup.Group
	faults map[cgroup.Controller]error // limits that could not be set
	err    error
}

// slot is a prepared group.
type slot struct {
	group  *cgroup.Group
	inside bool // the thread stands in the slot's v1 groups, so children are born there
}

// newSpawner starts the thread and waits until its first slot stands.
func newSpawner(tree *cgroup.Tree, flags uintptr, nnp bool) *spawner {
	s := &spawner{tree: tree, flags: flags, nnp: nnp, requests: make(chan spawnRequest), nudges: make(chan struct{}, 1), done: make(chan struct{})}
	ready := make(chan struct{})
	// owner: stop joins it; ends: when requests is closed.
	go s.lockThread(ready)
	<-ready
	return s
}

// stop ends the thread and waits. Every engine must be dead before: the thread's end kills them.
func (s *spawner) stop() {
	close(s.requests)
	<-s.done
}

// spawn asks the thread for a process.
func (s *spawner) spawn(ctx context.Context, r spawnRequest) (spawned, error) {
	r.reply = make(chan spawned, 1)
	select {
	case s.requests <- r:
	case <-ctx.Done():
		return spawned{}, ctx.Err()
	}
	out := <-r.reply // a started process must not be lost, so this does not watch ctx
	return out, out.err
}

// lockThread runs the loop on a thread that dies with it. The main thread will not do: the memory of
// the whole process is charged to the group of its main thread.
func (s *spawner) lockThread(ready chan<- struct{}) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		defer close(s.done)
		s.loop(ready) // the goroutine ends locked, which ends the thread
		return
	}
	// While this goroutine holds the main thread, the next one runs on another.
	locked := make(chan struct{})
	// owner: stop joins it by done; ends: when requests is closed.
	go s.lockThread(locked)
	<-locked
	runtime.UnlockOSThread()
	close(ready)
}

func (s *spawner) loop(ready chan<- struct{}) {
	if s.nnp {
		_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) // read back from each engine
	}
	var im images
	defer im.close()
	next, serial := slot{}, 0
	prepare := func() {
		if next.group == nil {
			serial++
			next = s.prepare(fmt.Sprintf("e%06d", serial))
		}
	}
	prepare()
	close(ready)
	later := time.NewTimer(prepareAfter)
	defer later.Stop()
	for {
		select {
		case r, open := <-s.requests:
			if !open {
				s.discard(next)
				return
			}
			prepare()
			out := s.start(&im, next, r)
			r.reply <- out
			if out.err == nil {
				next = slot{}
				later.Reset(prepareAfter)
			}
		case <-later.C:
			prepare()
		case <-s.nudges:
			prepare()
		}
	}
}

// prepareAfter is how long the thread stays where it is after a start. Its move into the next slot
// would make every new thread and process of the machine wait for the same 10 ms, and so the start
// that has just begun.
const prepareAfter = 30 * time.Millisecond

// nudge makes the thread leave the last engine's groups now, so that they can be removed.
func (s *spawner) nudge() {
	select {
	case s.nudges <- struct{}{}:
	default: // one is waiting already
	}
}

// prepare makes the next group and steps into its v1 part.
func (s *spawner) prepare(name string) slot {
	g, err := s.tree.NewGroup(name)
	if err != nil {
		return slot{}
	}
	n := slot{group: g, inside: true}
	for _, f := range g.TaskFiles() {
		if writeValue(f, strconv.Itoa(unix.Gettid())) != nil {
			n.inside = false
		}
	}
	return n
}

// discard removes a slot that was never used. The thread stands in it, so it steps out first.
func (s *spawner) discard(n slot) {
	if n.group == nil {
		return
	}
	for _, f := range n.group.TaskFiles() {
		up := filepath.Join(filepath.Dir(filepath.Dir(f)), "tasks")
		_ = writeValue(up, strconv.Itoa(unix.Gettid()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeFor)
	defer cancel()
	_ = n.group.Remove(ctx) // what stays is removed with the parent
}

const removeFor = 5 * time.Second // longest wait for the kernel to let go of a group

// start makes one process inside the slot.
func (s *spawner) start(im *images, n slot, r spawnRequest) spawned {
	path, err := im.get(r.path)
	if err != nil {
		return spawned{err: err}
	}
	out := spawned{group: n.group}
	sys := attributes(s.flags)
	if n.group != nil {
		out.faults = n.group.Limit(r.limits)
		if dir, err := openGroup(n.group); err == nil {
			defer dir.Close()
			sys.UseCgroupFD, sys.CgroupFD = true, int(dir.Fd())
		}
	}
	attr := &os.ProcAttr{Env: []string{}, Files: r.files, Sys: sys, Dir: "/"}
	argv := append([]string{filepath.Base(r.path)}, r.args...)
	out.proc, out.err = os.StartProcess(path, argv, attr)
	if out.err != nil && sys.UseCgroupFD { // not allowed into v2 from where we stand: go without
		sys.UseCgroupFD = false
		out.proc, out.err = os.StartProcess(path, argv, attr) // its error is the one that counts
	}
	if errors.Is(out.err, os.ErrPermission) && path != r.path { // the sealed copy may not be executed: by path, as where there is none
		out.proc, out.err = os.StartProcess(r.path, argv, attr)
	}
	if out.err == nil && n.group != nil && !n.inside {
		attach(n.group, out.proc.Pid)
	}
	return out
}

// attach moves a process into the v1 groups after its birth: the slow way. Membership is read back later.
func attach(g *cgroup.Group, pid int) {
	for _, f := range g.TaskFiles() {
		_ = writeValue(strings.TrimSuffix(f, "tasks")+"cgroup.procs", strconv.Itoa(pid))
	}
}

func openGroup(g *cgroup.Group) (*os.File, error) {
	if g.V2() == "" {
		return nil, os.ErrNotExist
	}
	return os.Open(g.V2())
}

func writeValue(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
