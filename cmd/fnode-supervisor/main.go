// Command fnode-supervisor is the daemon: it supervises extensions in isolated engine processes.
//
// It only reads flags and configuration, turns signals into a shutdown, and prints how the run ended;
// package daemon does the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/internal/daemon"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// flags are run's flags.
type flags struct {
	config, data, socket, extensions, engine, metrics, log string
	degraded                                               bool
	drain                                                  time.Duration
}

func main() {
	var f flags
	root := &cobra.Command{
		Use: "fnode-supervisor", Short: "Supervise JavaScript and TypeScript extensions in isolated engine processes.",
		SilenceErrors: true, SilenceUsage: true, Version: daemon.Version,
	}
	run := &cobra.Command{
		Use: "run", Short: "Run the supervisor in the foreground.",
		Long: `Run the supervisor in the foreground.

Every folder below --extensions that holds an extension is packed, started in an engine process of its own
and kept alive. SIGTERM or Ctrl-C drains everything and prints the proof that nothing is left; a second
Ctrl-C cuts the drain off. A terminal that closes drains too; without a terminal SIGHUP changes nothing.

Exit codes: 0 drained; 64 usage; 65 bad package; 66 something named is missing; 70 the root of the tree gave
up, or something could not be stopped; 74 the data directory or an address cannot be used; 75 another daemon
has it; 76 the engine is of another build; 77 a sandbox layer is missing; 78 bad configuration; 130 cut off.`,
		Example: `  fnode-supervisor run --extensions examples --data ./data --socket ./api.sock --allow-degraded
  fnode-supervisor run --config /etc/fnode-supervisor/config.toml
  fnode-supervisor run --extensions examples --metrics-listen 127.0.0.1:9464`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	run.Flags().StringVar(&f.config, "config", "", "configuration `FILE` (TOML); flags override it")
	run.Flags().StringVar(&f.data, "data", "", "data `DIR`; default $XDG_STATE_HOME/fnode-supervisor, as root /var/lib/fnode-supervisor")
	run.Flags().StringVar(&f.socket, "socket", "", "API socket `PATH`; default $XDG_RUNTIME_DIR/fnode-supervisor/api.sock, without it below ~/.fnode-supervisor, as root /run/fnode-supervisor/api.sock")
	run.Flags().StringVar(&f.extensions, "extensions", "", "`DIR` whose sub-folders (and .fnpkg files) are extensions")
	run.Flags().StringVar(&f.engine, "engine", "", "engine `PATH`; default fnode-engine beside this binary")
	run.Flags().BoolVar(&f.degraded, "allow-degraded", false, "start engines although sandbox layers are missing, labelled as degraded")
	run.Flags().StringVar(&f.metrics, "metrics-listen", "", "serve /metrics on `ADDR`, like 127.0.0.1:9464; off by default")
	run.Flags().StringVar(&f.log, "log-level", "", "debug, info, warn or error; default info")
	run.Flags().DurationVar(&f.drain, "drain", 15*time.Second, "how long a shutdown may drain before it kills")
	root.AddCommand(run)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return codes.New(codes.Usage, "%v", err).Fact("try", "fnode-supervisor run --help")
	})
	if err := root.ExecuteContext(context.Background()); err != nil {
		os.Exit(report(err))
	}
}

// exitCode is an end that has been told already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// report prints an error in the project's form and gives its exit code.
func report(err error) int {
	var told exitCode
	if errors.As(err, &told) {
		return int(told)
	}
	err = codes.Fold(err)
	if codes.From(err) == nil {
		err = codes.New(codes.Usage, "%v", err)
	}
	fmt.Fprint(os.Stderr, render.ErrorText(err))
	return codes.From(err).Code.Exit
}

func (f flags) run(ctx context.Context) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if err := level.UnmarshalText([]byte(cfg.Logs.Level)); err != nil {
		return codes.New(codes.Usage, "there is no log level %q", cfg.Logs.Level)
	}
	engine, err := f.enginePath()
	if err != nil {
		return err
	}
	ctx, force, stop := signals(ctx)
	defer stop()
	end, err := daemon.Run(ctx, force, daemon.Options{
		Config: cfg, Engine: engine, AllowDegraded: f.degraded, Drain: f.drain,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	return told(end, err)
}

// told prints how the run ended.
func told(end daemon.End, err error) error {
	if end.Proof.Name != "" {
		fmt.Fprintln(os.Stderr, "proof:", end.Proof)
	}
	switch {
	case end.Why != nil:
		fmt.Fprint(os.Stderr, daemon.Explain(end.Why))
		return exitCode(daemon.ExitOf(end.Why))
	case end.Forced:
		fmt.Fprintln(os.Stderr, "forced: what was under way was cut off")
		for _, what := range end.Cut {
			fmt.Fprintln(os.Stderr, "  cut off  ", what)
		}
		return exitCode(codes.ExitInterrupted)
	case errors.Is(err, host.ErrWedged):
		fmt.Fprintln(os.Stderr, "error: not everything could be stopped; the proof above names it")
		return exitCode(codes.ExitOurFault)
	}
	return err
}

// signals turns the first SIGTERM or SIGINT into the end of the context and the second into force. No other
// signal that a terminal or a pipe sends may end the daemon without its drain.
func signals(parent context.Context) (ctx context.Context, force <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	in := make(chan os.Signal, 4)   // capacity 4: more than are listened to; closed by stop
	pipe := make(chan os.Signal, 1) // capacity 1: nobody reads it; never closed
	hard := make(chan struct{})     // capacity 0; closed by the goroutine below
	signal.Notify(in, syscall.SIGTERM, os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(in, syscall.SIGHUP)
	}
	signal.Notify(pipe, syscall.SIGPIPE) // who reads our output may go: the write fails, and we go on
	mine := onTerminal()
	go func() { // owner: stop, by closing in; ends: in is closed
		for n := 0; ; {
			s, ok := <-in
			switch {
			case !ok:
				return
			case s == syscall.SIGHUP && !mine:
				fmt.Fprintln(os.Stderr, "hangup: this release cannot reload on a signal; nothing was changed; try: fnctl apply FILE")
				continue
			case n == 0:
				fmt.Fprintf(os.Stderr, "%s: draining; once more to cut it off\n", s)
				cancel()
			case n == 1:
				close(hard)
			}
			n++
		}
	}()
	return ctx, hard, func() { signal.Stop(in); signal.Stop(pipe); close(in); cancel() }
}

// onTerminal says whether a terminal owns this process: its hangup then means that the person has gone. Without
// one a hangup is an operator who asks for a reload.
func onTerminal() bool {
	f, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// load reads the configuration and lets the flags override it.
func (f flags) load() (*config.Config, error) {
	cfg, err := f.base()
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		flag string
		to   *string
		def  func() string
	}{
		{f.data, &cfg.Data.Dir, defaultData},
		{f.socket, &cfg.API.Socket, defaultSocket},
		{f.metrics, &cfg.Metrics.Listen, func() string { return "" }},
		{f.log, &cfg.Logs.Level, func() string { return "info" }},
	} {
		switch {
		case o.flag != "":
			*o.to = o.flag
		case *o.to == "":
			*o.to = o.def()
		}
	}
	if cfg.API.Socket, err = filepath.Abs(cfg.API.Socket); err != nil {
		return nil, codes.New(codes.SocketBlocked, "the socket has no absolute path").Wrap(err)
	}
	if f.drain < 0 {
		return nil, codes.New(codes.Usage, "--drain: %s is negative", f.drain).Fact("try", "--drain 15s")
	}
	if fault := config.ListenFault(cfg.Metrics.Listen); fault != "" {
		return nil, codes.New(codes.Usage, "--metrics-listen: %s", fault).Fact("try", "--metrics-listen 127.0.0.1:9464")
	}
	return cfg, nil
}

func (f flags) base() (*config.Config, error) {
	switch {
	case f.config != "" && f.extensions != "":
		return nil, codes.New(codes.Usage, "--config and --extensions both say what to supervise").Fact("try", "one of them; [[extension]] in the file names a package")
	case f.config != "":
		return config.Load(f.config)
	case f.extensions == "":
		return nil, codes.New(codes.Usage, "nothing to supervise: name --extensions DIR or --config FILE").Fact("try", "fnode-supervisor run --help")
	}
	exts, err := config.Scan(f.extensions)
	if err != nil {
		return nil, err
	}
	return config.Default(exts...), nil
}

func (f flags) enginePath() (string, error) {
	if f.engine != "" {
		return filepath.Abs(f.engine)
	}
	self, err := os.Executable()
	if err != nil {
		return "", codes.New(codes.EngineMissing, "this binary's own path is not known").Wrap(err)
	}
	return filepath.Join(filepath.Dir(self), "fnode-engine"), nil
}

func defaultData() string {
	if os.Getuid() == 0 {
		return "/var/lib/fnode-supervisor"
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "fnode-supervisor")
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "fnode-supervisor")
}

// defaultSocket is where fnctl of the same user looks.
func defaultSocket() string { return api.DefaultSocket(os.Getuid(), os.Getenv) }
