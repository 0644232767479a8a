// Command fnctl looks at and steers a running fnode-supervisor. The commands are package api/cli; this
// file hands in the streams and the work of other packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/cli"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	"github.com/franken-node/fnode-supervisor/internal/daemon"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := cli.Main(ctx, cli.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, UID: os.Getuid(),
		TTY: isTTY(os.Stdout) && isTTY(os.Stderr), Release: daemon.Version,
		SelfTest: func(ctx context.Context) []api.Check { return daemon.Checks(ctx, engine()) },
		Pack:     packTo, ConfigCheck: checkConfig, ConfigShow: showConfig,
		ConfigSchema: func() ([]byte, error) { return config.Schema(), nil },
	})
	stop()
	os.Exit(code)
}

func isTTY(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// engine is the engine beside this binary, empty if there is none.
func engine() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), "fnode-engine")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func packTo(ctx context.Context, dir, out string) (cli.Packed, error) {
	p, err := pack.Pack(ctx, dir)
	if err != nil {
		return cli.Packed{}, codes.Fold(err)
	}
	if out == "" {
		out = p.Manifest.Name + "-" + p.Manifest.Version + ".fnpkg"
	}
	n, err := writeNew(out, p)
	if err != nil {
		return cli.Packed{}, codes.New(codes.OutputFailed, "%s cannot be written: %v", out, reason(err)).Fact("unchanged", "no archive was written").Wrap(err)
	}
	return cli.Packed{Name: p.Manifest.Name, Version: p.Manifest.Version, Digest: p.Digest, File: out, Bytes: n, Methods: p.Manifest.Names()}, nil
}

// reason is what the system said, without the name of the file beside the target.
func reason(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}

// writeNew writes beside the target and renames, so that a half archive never has the name.
func writeNew(name string, p *pack.Package) (int64, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".fnpkg-*")
	if err != nil {
		return 0, err
	}
	err = errors.Join(p.Write(f), f.Chmod(0o644), f.Sync())
	st, err2 := f.Stat()
	err = errors.Join(err, err2, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return 0, err
	}
	return st.Size(), nil
}

func checkConfig(file string) error {
	_, err := config.Load(file)
	return codes.Fold(err)
}

func showConfig(file string, effective bool) (cli.ShownConfig, string, error) {
	c, err := config.Default(), error(nil)
	if file != "" {
		c, err = config.Load(file)
	}
	if err != nil {
		return cli.ShownConfig{}, "", codes.Fold(err)
	}
	s := c.Show(effective || file == "")
	b, err := s.TOML()
	if err != nil {
		return cli.ShownConfig{}, "", fmt.Errorf("the configuration cannot be shown: %w", err)
	}
	return cli.ShownConfig{Meta: api.Of("Config"), File: file, Effective: effective || file == "", Config: s.Config, Origins: s.Origins}, string(b), nil
}
