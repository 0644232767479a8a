package pack

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Package is an extension, ready for an engine. It is immutable.
type Package struct {
	Manifest *Manifest
	Bundle   []byte // JS text
	Map      []byte // source map, version 3
	Digest   string // sha256 of the archive, hex
}

// The bounds of an archive.
const (
	maxBundle  = 16 << 20
	maxArchive = 64 << 20
)

// Pack bundles the extension in dir. Errors: codes.NoPackage, Faults.
func Pack(ctx context.Context, dir string) (*Package, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, codes.New(codes.NoPackage, "%s cannot be found", dir).Wrap(err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // sources are named relative to it
	}
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, m.Main)); err != nil {
		src, _ := os.ReadFile(filepath.Join(dir, "package.json"))
		at := PositionOf(filepath.Join(dir, "package.json"), src, Locate(src, "main"))
		return nil, Faults{codes.New(codes.BadManifest, "main: there is no file %s", m.Main).At(at).Wrap(err)}
	}
	code, sourceMap, err := Entry(ctx, dir, m.Main, "")
	if err != nil {
		return nil, err
	}
	if len(code) > maxBundle {
		return nil, codes.New(codes.BundleFailed, "the bundle of %s has %d bytes, at most %d", m.Name, len(code), maxBundle)
	}
	p := &Package{Manifest: m, Bundle: code, Map: sourceMap}
	h := sha256.New()
	if err := p.Write(h); err != nil {
		return nil, err
	}
	p.Digest = hex.EncodeToString(h.Sum(nil))
	return p, nil
}

// Write writes the archive: a tar of three files with fixed times, modes and order.
func (p *Package) Write(w io.Writer) error {
	m, err := json.MarshalIndent(p.Manifest, "", "  ")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		b    []byte
	}{{"manifest.json", m}, {"bundle.js", p.Bundle}, {"bundle.js.map", p.Map}} {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.b)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := errors.Join(t.WriteHeader(h), writeAll(t, f.b)); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// Open reads an archive. The error is codes.BadArchive.
func Open(r io.Reader) (*Package, error) {
	h := sha256.New()
	limited := &io.LimitedReader{R: io.TeeReader(r, h), N: maxArchive}
	files := map[string][]byte{}
	for t := tar.NewReader(limited); ; {
		f, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, codes.New(codes.BadArchive, "the archive cannot be read").Wrap(err)
		}
		if _, twice := files[f.Name]; twice || len(files) >= 3 || f.Size > maxBundle {
			return nil, codes.New(codes.BadArchive, "the archive holds %q, which does not belong there", clip(f.Name, 80))
		}
		b, err := io.ReadAll(io.LimitReader(t, maxBundle))
		if err != nil {
			return nil, codes.New(codes.BadArchive, "the archive ends inside %q", clip(f.Name, 80)).Wrap(err)
		}
		files[f.Name] = b
	}
	if _, err := io.Copy(io.Discard, limited); err != nil {
		return nil, codes.New(codes.BadArchive, "the archive cannot be read").Wrap(err)
	}
	p := &Package{Bundle: files["bundle.js"], Map: files["bundle.js.map"], Digest: hex.EncodeToString(h.Sum(nil))}
	if err := json.Unmarshal(files["manifest.json"], &p.Manifest); err != nil || p.Manifest == nil || len(p.Bundle) == 0 {
		return nil, codes.New(codes.BadArchive, "the archive has no readable manifest and bundle").Wrap(err)
	}
	if files["bundle.js.map"] == nil {
		return nil, codes.New(codes.BadArchive, "the archive ends before its source map")
	}
	if !nameRule.MatchString(p.Manifest.Name) || !versionRule.MatchString(p.Manifest.Version) || strings.Contains(p.Manifest.Name, "/") || len(p.Manifest.Methods) == 0 {
		return nil, codes.New(codes.BadArchive, "the archive's manifest is not one that pack writes")
	}
	return p, nil
}

// Load packs a folder or opens an archive file.
func Load(ctx context.Context, path string) (*Package, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, codes.New(codes.NoPackage, "there is no package at %s", path).Wrap(err)
	}
	if st.IsDir() {
		return Pack(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, codes.New(codes.NoPackage, "%s cannot be opened", path).Wrap(err)
	}
	defer f.Close()
	p, err := Open(f)
	if e := codes.From(err); e != nil {
		return nil, e.At(codes.Position{File: path})
	}
	return p, err
}

// Mapper maps stacks to the author's files.
func (p *Package) Mapper() *Mapper { return NewMapper(p.Map) }
