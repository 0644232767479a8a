package inside

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// emptyRoot makes an empty read-only tmpfs the root of the mount namespace and lets go of the old one.
// No directory of the host is needed for it (fsopen(2), mount_setattr flags of fsmount(2), pivot_root(2)).
func emptyRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private /: %w", err)
	}
	mnt, err := makeTmpfs()
	if err != nil {
		return err
	}
	defer unix.Close(mnt)
	if err := unix.MoveMount(mnt, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	if err := unix.Fchdir(mnt); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount of the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return proveEmpty()
}

func makeTmpfs() (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fs)
	for _, o := range [][2]string{{"size", "4096"}, {"nr_inodes", "1"}, {"mode", "0555"}} {
		if err := unix.FsconfigSetString(fs, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("tmpfs %s: %w", o[0], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("tmpfs: %w", err)
	}
	attrs := unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return mnt, nil
}

// proveEmpty looks: the root lists nothing, and nothing can be made in it.
func proveEmpty() error {
	d, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(d)
	buf := make([]byte, 4096)
	n, err := unix.ReadDirent(d, buf)
	if err != nil {
		return err
	}
	if _, count, _ := unix.ParseDirent(buf[:n], -1, nil); count > 0 {
		return fmt.Errorf("the root still lists %d names", count)
	}
	if err := unix.Mkdir("/probe", 0o700); !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("the root is not read-only: mkdir says %v", err)
	}
	return nil
}

func setNoCapabilities() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
	runtime.KeepAlive(&hdr)
	runtime.KeepAlive(&data)
	if err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

// landlockAttr is struct landlock_ruleset_attr of ABI 6 and later; older kernels take a prefix of it.
type landlockAttr struct{ fs, net, scoped uint64 }

// landlockRights gives, for an ABI, the rights to take and the size of the attribute
// (landlock(7), table of ABI versions).
func landlockRights(abi int) (landlockAttr, uintptr) {
	var a landlockAttr
	size := uintptr(8)
	switch {
	case abi >= 5:
		a.fs = 0xffff
	case abi >= 3:
		a.fs = 0x7fff
	case abi == 2:
		a.fs = 0x3fff
	default:
		a.fs = 0x1fff
	}
	if abi >= 4 {
		a.net, size = unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 16
	}
	if abi >= 6 {
		a.scoped, size = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL, 24
	}
	return a, size
}

// LandlockABI asks the kernel for its landlock version; 0 without landlock.
func LandlockABI() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// lockPaths takes every right that this kernel's landlock knows away from every thread, with no rule
// that gives one back, and proves it: opening "/" must be refused where it was allowed just before.
func lockPaths(r *Report) error {
	abi := LandlockABI()
	if abi == 0 {
		return errors.New("this kernel has no landlock")
	}
	if err := probeOpen(); err != nil {
		return fmt.Errorf("the probe fails before landlock: %w", err)
	}
	attr, size := landlockRights(abi)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("create_ruleset: %w", errno)
	}
	defer unix.Close(int(fd))
	if err := onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); err != nil {
		return fmt.Errorf("restrict_self: %w", err)
	}
	if err := probeOpen(); !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("the probe is not refused: open of / says %v", err)
	}
	r.Landlock = uint32(abi)
	return nil
}

func probeOpen() error {
	d, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(d)
	}
	return err
}
