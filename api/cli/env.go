package cli

import (
	"context"
	stderrors "errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Env is everything that a command reaches: streams, environment and the work of other packages.
type Env struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	UID            int
	TTY            bool   // whether Stdout and Stderr are a terminal
	Release        string // of fnctl
	Now            func() time.Time

	SelfTest     func(context.Context) []api.Check                                       // of this host; nil: none
	Pack         func(ctx context.Context, dir, out string) (Packed, error)              // ext pack
	ConfigCheck  func(file string) error                                                 // config check
	ConfigShow   func(file string, effective bool) (c ShownConfig, text string, _ error) // config show; no file: the defaults
	ConfigSchema func() ([]byte, error)                                                  // config schema: JSON
}

// Packed is what ext pack made.
type Packed struct {
	api.Meta
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Digest  string   `json:"digest"`
	File    string   `json:"file"`
	Bytes   int64    `json:"bytes"`
	Methods []string `json:"methods"`
}

// Main runs one command and returns its exit code. The end of ctx is an interrupt.
func Main(ctx context.Context, env Env) int {
	a := &app{env: env, format: render.Table}
	root := a.root()
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return codes.ExitOK
	}
	err = a.final(ctx, err)
	a.printer().Error(err)
	return codes.From(err).Code.Exit
}

// New gives the command tree, for documentation and tests.
func New(env Env) *cobra.Command { return (&app{env: env, format: render.Table}).root() }

// app is one run of fnctl.
type app struct {
	env     Env
	socket  string
	timeout time.Duration
	output  string
	format  render.Format
	coded   bool // whether the error came from a command's action, not from its command line
}

// final gives every error a code: the interrupt first, then the action's own, else a wrong command line.
func (a *app) final(ctx context.Context, err error) error {
	e := codes.From(err)
	switch {
	case e != nil && e.Code == codes.Interrupted, e != nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil:
		i := codes.New(codes.Interrupted, "interrupted").Wrap(err)
		if e != nil && e.HasEffect {
			i.Outcome(e.Effect)
		}
		return i
	case a.coded && stderrors.Is(err, context.DeadlineExceeded):
		return codes.New(codes.ClientTimeout, "no answer within %v", a.timeout).Wrap(err)
	case a.coded:
		return codes.New(codes.SurfaceFault, "%v", err).Outcome(base.EffectUnknown).Wrap(err)
	}
	return codes.New(codes.Usage, "%v", err).Wrap(err)
}

func (a *app) printer() render.Printer {
	return render.Printer{Out: a.env.Stdout, Err: a.env.Stderr, Format: a.format, Color: a.env.TTY && a.env.Getenv("NO_COLOR") == ""}
}

func (a *app) now() time.Time {
	if a.env.Now == nil {
		return time.Now()
	}
	return a.env.Now()
}
