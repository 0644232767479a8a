// Package fs is the file system under everything that the store writes itself (design: store, D7): one interface, with
// the real file system (OS), one in memory that crashes (Mem), and one that fails on demand (Faults).
//
// What lasts, on all of them:
//
//   - What was written to a file, and its size, last once File.Sync has returned nil. Before that a crash may keep each
//     sector of 512 bytes as it was at the last Sync or at any write since, in any order, and likewise the size.
//   - A name (made, replaced, removed) lasts once SyncDir of its directory has returned nil; a Rename between two
//     directories needs both. File.Sync does not make the name of a new file last.
//   - A Rename is atomic: a crash leaves the old state of both names or the new one.
//   - After a Sync or SyncDir that failed nobody knows what lasts, and a later one that succeeds says nothing about what
//     the failed one covered. Nothing here tries again by itself.
//
// Errors match io/fs.ErrNotExist, io/fs.ErrExist, io/fs.ErrClosed and the numbers of the system (unix.ENOSPC, unix.EIO,
// unix.EISDIR, …) with errors.Is.
//
// The package owns no goroutine and no lock of a directory, and never decides what is written where. An FS and a File
// may be used from any goroutine; writes that overlap are not ordered.
//
//	f, err := fsys.Create("data/000001.seg")
//	err = f.Allocate(16 << 20) // room, with real blocks
//	err = f.Sync()             // the room lasts
//	err = fsys.SyncDir("data") // the name lasts
//	_, err = f.WriteAt(frame, 0)
//	err = f.Sync() // the frame lasts
package fs
