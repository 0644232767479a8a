package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// archive is how an archive of ext pack is called; the name ends before the version, so that the next version is
// the same extension, with the same keys.
var archive = regexp.MustCompile(`^(.+?)(-\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)?\.fnpkg$`)

// Scan finds the extensions below a folder: sub-folders whose package.json has an fnode field, and .fnpkg
// files, by name without version. The error is codes.NoExtensions where there is none.
func Scan(dir string) ([]Extension, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, codes.New(codes.ConfigMissing, "the folder %s cannot be read: %s", dir, reasonOf(err)).Wrap(err)
	}
	var out []Extension
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		name, packed := e.Name(), archive.FindStringSubmatch(e.Name())
		st, err := os.Stat(path) // a link to a folder is a folder
		if err != nil || st.IsDir() && !isExtension(path) || !st.IsDir() && packed == nil {
			continue
		}
		if !st.IsDir() {
			name = packed[1]
		}
		if !nameRule.MatchString(name) {
			return nil, codes.New(codes.BadConfig, "%s: %q is no name of an extension (lower case, digits, . _ -)", path, name)
		}
		if slices.ContainsFunc(out, func(e Extension) bool { return e.Name == name }) {
			return nil, codes.New(codes.BadConfig, "%s: there is an extension %q already", path, name)
		}
		out = append(out, Extension{Name: name, Package: path, Policy: DefaultPolicy()})
	}
	if len(out) == 0 {
		return nil, codes.New(codes.NoExtensions, "there is no extension below %s", dir)
	}
	return out, nil
}

// isExtension says whether a folder means to be one: its package.json has an fnode field, or cannot be read as
// JSON, which packing tells with its place.
func isExtension(dir string) bool {
	name := filepath.Join(dir, "package.json")
	st, err := os.Stat(name)
	if err != nil {
		return false
	}
	if !st.Mode().IsRegular() || st.Size() > maxFile {
		return true // packing refuses it by name
	}
	b, err := os.ReadFile(name)
	return err == nil && (bytes.Contains(b, []byte(`"fnode"`)) || !json.Valid(b))
}
