package api

import (
	"context"
	stderrors "errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const maxSocketPath = 107 // bytes of sun_path without its final zero (unix(7))

// listen makes the socket with its mode from the first moment on. A leftover of a dead daemon is removed
// after a connect probe; a live one, or anything that is not a socket, is left alone and refused. Two
// daemons that start together are told apart by a lock on the folder, which leaves no file. Whom the rules name
// may connect.
func listen(path string, mode fs.FileMode, gid int, rules []RoleRule) (*net.UnixListener, error) {
	if len(path) > maxSocketPath {
		return nil, codes.New(codes.SocketBlocked, "the socket path has %d bytes, the kernel takes %d: %s", len(path), maxSocketPath, path)
	}
	unlock, err := lockFolder(filepath.Dir(path), folderMode(rules))
	if err != nil {
		return nil, blocked(path, err)
	}
	defer unlock()
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := bind(path, mode)
	if err != nil {
		return nil, blocked(path, err)
	}
	if gid >= 0 {
		err = os.Lchown(path, -1, gid)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err == nil {
		err = admit(path, rules, uint16(mode>>3&0o7))
	}
	if err != nil {
		return nil, stderrors.Join(blocked(path, err), l.Close(), os.Remove(path))
	}
	return l, nil
}

func blocked(path string, err error) error {
	return codes.New(codes.SocketBlocked, "cannot make the socket %s: %v", path, err).Wrap(err)
}

// folderMode is of a folder that has to be made: others may pass through it where a rule may name them.
func folderMode(rules []RoleRule) fs.FileMode {
	if len(rules) > 0 {
		return 0o711
	}
	return 0o700
}

// closedFolder gives the first folder above the socket that others cannot pass through; empty if there is none.
func closedFolder(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && st.Mode()&0o001 == 0 {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// lockFolder makes the folder if it is missing and locks it while the socket is made.
func lockFolder(dir string, mode fs.FileMode) (unlock func(), err error) {
	if err := os.MkdirAll(dir, mode); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, stderrors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// clearStale removes a socket that nobody listens on. Preconditions: the folder is locked.
func clearStale(path string) error {
	st, err := os.Lstat(path)
	switch {
	case stderrors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return blocked(path, err)
	case st.Mode().Type() != fs.ModeSocket:
		return codes.New(codes.SocketBlocked, "%s is in the way: it is no socket", path).Fact("unchanged", "%s was not touched", path)
	}
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if err == nil {
		_ = c.Close()
	}
	if !stderrors.Is(err, syscall.ECONNREFUSED) { // connected, its backlog is full, or it is closed to us
		return codes.New(codes.SocketInUse, "another daemon listens on %s", path).Fact("unchanged", "the other daemon goes on").Wrap(err)
	}
	if err := os.Remove(path); err != nil {
		return blocked(path, err)
	}
	return nil
}

// bind gives the socket its mode before it has a name (the inode takes it from the descriptor), so that
// there is no moment at which others can connect. The path is removed by the server, not by the listener.
func bind(path string, mode fs.FileMode) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) { inner = unix.Fchmod(int(fd), uint32(mode.Perm()&0o600)) })
		return stderrors.Join(err, inner)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	ul := l.(*net.UnixListener)
	ul.SetUnlinkOnClose(false)
	return ul, nil
}

// removeSocket removes the path if it still is the socket that l listens on: a successor's is left alone.
func removeSocket(path string, made os.FileInfo) {
	if st, err := os.Lstat(path); err == nil && made != nil && os.SameFile(st, made) {
		_ = os.Remove(path)
	}
}

// pending reports whether a connection waits to be accepted.
func pending(l *net.UnixListener) bool {
	raw, err := l.SyscallConn()
	if err != nil {
		return false
	}
	ready := false
	_ = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		ready = err == nil && n == 1 && p[0].Revents&unix.POLLIN != 0
	})
	return ready
}
