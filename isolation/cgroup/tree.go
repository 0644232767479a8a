package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options of OpenTree.
type Options struct {
	Host     Host
	Root     string // first word of our groups' names, [a-z0-9_]{1,32}
	Instance string // same for every run on one data directory, [a-z0-9_]{1,32}
}

// Validate reports all faults at once.
func (o Options) Validate() error {
	var faults []error
	if !word.MatchString(o.Root) {
		faults = append(faults, fmt.Errorf("root %q: want [a-z0-9_]{1,32}", o.Root))
	}
	if !word.MatchString(o.Instance) {
		faults = append(faults, fmt.Errorf("instance %q: want [a-z0-9_]{1,32}", o.Instance))
	}
	return errors.Join(faults...)
}

// parent is our parent group in one hierarchy.
type parent struct {
	mount       *Mount
	base        string // the directory above it
	dir         string // the parent group
	moved       bool   // v2: this process was moved into dir/supervisor
	controllers []Controller
}

// Tree is the set of our parent groups. Immutable after OpenTree.
type Tree struct {
	owner   Owner
	parents []*parent
	why     map[Controller]error // why a controller is not to be had
	killWhy error                // why cgroup.kill is not to be had
}

// OpenTree reaps what dead supervisors of the same instance left, then makes one parent group in each
// hierarchy where that is allowed. A host without cgroup rights gives an empty tree and no error; Why
// tells the reason for each controller. The caller must hold the lock of the instance's data directory.
func OpenTree(ctx context.Context, o Options) (*Tree, []Reaped, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	owner, err := me(o.Root, o.Instance)
	if err != nil {
		return nil, nil, err
	}
	t := &Tree{owner: owner, why: map[Controller]error{}}
	reaped, err := reap(ctx, o.Host, owner)
	if err != nil {
		return nil, reaped, err
	}
	t.openV2(o.Host)
	t.openV1(o.Host)
	return t, reaped, nil
}

// openV2 makes the v2 parent, which is worth having even without controllers: birth and cgroup.kill.
func (t *Tree) openV2(h Host) {
	if h.V2 == nil {
		t.killWhy = errors.New("no cgroup v2 hierarchy is mounted")
		return
	}
	var wanted []Controller
	for _, c := range Controllers {
		if h.Carrier(c) == h.V2 {
			wanted = append(wanted, c)
		}
	}
	p, err := t.delegatedParent(h.V2, wanted)
	if err != nil {
		for _, c := range wanted {
			t.why[c] = err
		}
		p, err = t.makeParent(h.V2, h.V2.Self, h.V2.Point)
	}
	if t.killWhy = err; err == nil {
		t.parents = append(t.parents, p)
	}
}

// delegatedParent makes the v2 parent in the first place where the controllers can be delegated to it.
func (t *Tree) delegatedParent(m *Mount, wanted []Controller) (*parent, error) {
	var faults []error
	for _, base := range slices.Compact([]string{m.Self, m.Point}) {
		p, err := t.makeParent(m, base)
		if err == nil {
			if err = p.enable(wanted); err == nil {
				p.controllers = wanted
				return p, nil
			}
			err = errors.Join(err, p.close(context.Background()))
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

func (t *Tree) openV1(h Host) {
	byDir := map[string]*parent{} // cpu and memory may share one mount
	for _, c := range Controllers {
		m := h.Carrier(c)
		if m == nil {
			t.why[c] = fmt.Errorf("no cgroup hierarchy has the controller %s", c)
		}
		if m == nil || m.V2 {
			continue
		}
		p, err := byDir[m.Point], error(nil)
		if p == nil {
			p, err = t.makeParent(m, m.Self, m.Point)
		}
		if err != nil {
			t.why[c] = err
			continue
		}
		if byDir[m.Point] == nil {
			byDir[m.Point] = p
			t.parents = append(t.parents, p)
		}
		p.controllers = append(p.controllers, c)
	}
}

// makeParent makes the parent in the first of the places where we may: below our own group by
// preference, else at the top.
func (t *Tree) makeParent(m *Mount, bases ...string) (*parent, error) {
	var faults []error
	for _, base := range slices.Compact(bases) {
		dir := filepath.Join(base, t.owner.Name())
		err := os.Mkdir(dir, 0o755)
		if err != nil && !errors.Is(err, os.ErrExist) {
			faults = append(faults, err)
			continue
		}
		return &parent{mount: m, base: base, dir: dir}, nil
	}
	return nil, errors.Join(faults...)
}

// enable turns v2 controllers on for the groups below p. A group that holds processes may not do so
// (cgroups(7), "no internal processes"): if we are alone in the base, we move into a leaf of our own.
// All controllers go in one write: pids alone would be let through and make the base a threaded
// domain, in which memory can no longer be had.
func (p *parent) enable(wanted []Controller) error {
	if len(wanted) == 0 {
		return nil
	}
	var plus []string
	for _, c := range wanted {
		plus = append(plus, "+"+string(c))
	}
	all := strings.Join(plus, " ")
	err := writeFile(filepath.Join(p.base, "cgroup.subtree_control"), all)
	if errors.Is(err, unix.EBUSY) {
		if err = p.stepDown(); err == nil {
			p.controllers = wanted // to be taken back, should the next write fail
			err = writeFile(filepath.Join(p.base, "cgroup.subtree_control"), all)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot delegate %v in %s: %w", wanted, p.base, err)
	}
	return writeFile(filepath.Join(p.dir, "cgroup.subtree_control"), all)
}

const ownLeaf = "supervisor" // where this process goes when its group must be empty

func (p *parent) stepDown() error {
	pids, err := readPids(filepath.Join(p.base, "cgroup.procs"))
	if err != nil {
		return err
	}
	if !slices.Equal(pids, []int{os.Getpid()}) {
		return fmt.Errorf("other processes live in %s; start the supervisor in a group of its own", p.base)
	}
	leaf := filepath.Join(p.dir, ownLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	p.moved = true
	return writeFile(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(os.Getpid()))
}

// Why tells why a controller cannot be had; nil if it can.
func (t *Tree) Why(c Controller) error { return t.why[c] }

// KillWhy tells why cgroup.kill cannot be had; nil if it can.
func (t *Tree) KillWhy() error { return t.killWhy }

// Dirs lists the parent groups.
func (t *Tree) Dirs() []string {
	var dirs []string
	for _, p := range t.parents {
		dirs = append(dirs, p.dir)
	}
	return dirs
}

// Close removes the parent groups. Every child group must have been removed before; what still
// lives in them is killed, since nothing may be left behind.
func (t *Tree) Close(ctx context.Context) error {
	var faults []error
	for _, p := range t.parents {
		faults = append(faults, p.close(ctx))
	}
	return errors.Join(faults...)
}

func (p *parent) close(ctx context.Context) error {
	if p.moved { // the leaf must empty before the controllers can go, and they before we can return
		for _, c := range p.controllers {
			_ = writeFile(filepath.Join(p.dir, "cgroup.subtree_control"), "-"+string(c))
			_ = writeFile(filepath.Join(p.base, "cgroup.subtree_control"), "-"+string(c))
		}
		if err := writeFile(filepath.Join(p.base, "cgroup.procs"), strconv.Itoa(os.Getpid())); err != nil {
			return err
		}
	}
	_, err := purge(ctx, p.dir)
	return err
}

// writeFile writes one value to a control file in one write.
func writeFile(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// readPids reads a list of process or thread ids.
func readPids(path string) ([]int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, s := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			pids = append(pids, n)
		}
	}
	return pids, nil
}

// removeDir removes an empty group, waiting for the kernel to let go of its last task.
func removeDir(ctx context.Context, dir string) error {
	for wait := 200 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return &os.PathError{Op: "rmdir", Path: dir, Err: err}
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("%s is still busy: %w", dir, err)
		}
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
