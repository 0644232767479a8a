package fs

import (
	"path/filepath"
	"strings"
)

// tempSuffix marks files that Publish has not finished.
const tempSuffix = ".tmp~"

// IsTemp says whether name is a file that a Publish left behind when the process was killed. It may be removed whenever
// no Publish of its final name runs; the next one of that name overwrites it.
func IsTemp(name string) bool { return strings.HasSuffix(name, tempSuffix) }

// Publish makes name hold exactly data, or leaves it as it was: it writes a temporary file in the same directory, syncs
// it, renames it over name and syncs the directory. When it returns nil, data lasts. After an error before the rename
// the old content stays and the temporary file is removed if the file system lets us; after an error of the last step
// readers see the new content, and which of both a crash leaves is not known.
//
// One Publish of a name at a time.
func Publish(fsys FS, name string, data []byte) error {
	temp := name + tempSuffix
	if err := writeWhole(fsys, temp, data); err != nil {
		_ = fsys.Remove(temp) // the first error is the one to tell; IsTemp knows what stays
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// writeWhole writes a new file and syncs it.
func writeWhole(fsys FS, name string, data []byte) (err error) {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}

// Temp is the name under which a file of that final name is written first; IsTemp knows it.
func Temp(name string) string { return name + tempSuffix }
