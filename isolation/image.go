package isolation

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// images keeps one sealed copy of each engine file in memory, so that an engine can be executed by any
// mapped user, and a file that is half replaced on disk is never executed. Owned by the spawner's thread.
type images struct {
	held map[string]image
}

const maxImage = 64 << 20 // larger programs (node) are executed by path

type image struct {
	size  int64
	mtime time.Time
	file  *os.File // one for ever: a second os.File on the same fd would close it when collected
}

// get gives the path to execute for an engine file: /proc/self/fd/N of its sealed copy, or the path
// itself where memory files cannot be executed.
func (im *images) get(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	held, ok := im.held[path]
	if ok && held.size == st.Size() && held.mtime.Equal(st.ModTime()) {
		return fdPath(held.file), nil
	}
	if st.Size() > maxImage {
		return path, nil
	}
	f, err := seal(path)
	if err != nil {
		return path, nil // by path, then; the engine's own file mode decides
	}
	if ok {
		held.file.Close()
	}
	if im.held == nil {
		im.held = map[string]image{}
	}
	im.held[path] = image{st.Size(), st.ModTime(), f}
	return fdPath(f), nil
}

func (im *images) close() {
	for _, i := range im.held {
		i.file.Close()
	}
	im.held = nil
}

func fdPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// seal copies a file into a memfd that nobody can change any more (memfd_create(2), fcntl F_ADD_SEALS).
func seal(path string) (*os.File, error) {
	src, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var magic [4]byte
	if _, err := src.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "\x7fELF" {
		return nil, fmt.Errorf("%s is no ELF file: a script's interpreter could not open a memfd", path)
	}
	fd, err := unix.MemfdCreate("fnode-engine", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("fnode-engine", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "memfd:fnode-engine")
	if err := fill(f, src); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func fill(f *os.File, src io.Reader) error {
	if _, err := io.Copy(f, src); err != nil {
		return err
	}
	if err := f.Chmod(0o555); err != nil {
		return err
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	return err
}
