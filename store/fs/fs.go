package fs

import "io"

// FS is a tree of files. Names are paths with slashes. Open, OpenRW and Size want a regular file: a directory is
// unix.EISDIR.
type FS interface {
	Create(name string) (File, error) // read and write; emptied if it is there; a new one has mode 0600
	Open(name string) (File, error)   // read only: writes are unix.EBADF
	OpenRW(name string) (File, error) // read and write; it must be there
	// Rename is atomic and replaces a file. A directory is not replaced: io/fs.ErrExist.
	Rename(from, to string) error
	Remove(name string) error          // a file or an empty directory
	RemoveAll(dir string) error        // one by one, not atomic; nothing there is no error
	MkdirAll(dir string) error         // mode 0700; there already is no error
	List(dir string) ([]string, error) // base names, sorted
	Size(name string) (int64, error)   // bytes
	SyncDir(dir string) error          // makes the names in dir last; never tried again after an error
}

// File is an open file. After Close every call is io/fs.ErrClosed.
type File interface {
	io.ReaderAt
	io.WriterAt // after an error (no room) more may be written than it says
	io.Closer   // does not sync
	// Sync makes content and size last (fdatasync(2)). It is never tried again after an error: D4.
	Sync() error
	// Truncate sets the size; what is gained reads as zeros and has no blocks.
	Truncate(size int64) error
	Size() (int64, error)
	// Allocate grows the file to size with blocks that hold zeros, so that a later write within has its room and, once
	// this was synced, changes no metadata. It does not sync, and never shrinks. After an error the size is as before.
	Allocate(size int64) error
}
