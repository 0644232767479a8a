// Command fnode-verify checks a bundle of evidence: offline, without the daemon, and without anything of its runtime. It
// says why each restart, escalation and quarantine happened, and names every place at which the bundle does not hold.
//
//	fnode-verify incident.fnb --key 5f0c…
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"

	extension "github.com/franken-node/fnode-supervisor/actors/extension/core"
)

const usage = `fnode-verify checks a bundle of evidence, offline.

  fnode-verify BUNDLE [flags]      BUNDLE is a file, or - for the standard input

  -k, --key HEX|FILE   the key that you trust (ed25519, 64 hex digits, or a file that holds them or the 32 bytes);
                       without it the bundle's own first marker is believed, which shows that the bundle holds
                       together, and not whose it is
  -o, --output FORM    text (default) or json
  -q, --quiet          no line for each decision
  -h, --help           this

Examples:
  fnctl ledger export --out all.fnb && fnode-verify all.fnb
  fnode-verify incident.fnb --key 5f0c94…              with the key that you were given another way
  fnode-verify incident.fnb -k ledger.pub -o json | jq '.report.breaks'
  ssh host fnctl ledger export --out - | fnode-verify - -q

Exit status: 0 all holds; 1 something does not, and every place is named; 64 usage; 65 it is no bundle; 66 there is no
such file; 74 it cannot be read; 76 it was written by a newer version.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are the command line's.
type options struct {
	bundle string
	key    ed25519.PublicKey
	json   bool
	quiet  bool
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, help, err := parse(args)
	if help {
		_, _ = io.WriteString(stdout, usage)
		return codes.ExitOK
	}
	if err == nil {
		out := bufio.NewWriter(stdout)
		err = check(o, stdin, out, stderr)
		if e := out.Flush(); e != nil && err == nil {
			err = codes.New(codes.OutputFailed, "the result cannot be written").Wrap(e)
		}
	}
	if err == nil {
		return codes.ExitOK
	}
	return tell(stderr, err)
}

// parse reads flags before and behind the bundle.
func parse(args []string) (o options, help bool, err error) {
	f := flag.NewFlagSet("fnode-verify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	var key, form string
	for _, name := range []string{"k", "key"} {
		f.StringVar(&key, name, "", "")
	}
	for _, name := range []string{"o", "output"} {
		f.StringVar(&form, name, "text", "")
	}
	for _, name := range []string{"q", "quiet"} {
		f.BoolVar(&o.quiet, name, false, "")
	}
	var bundles []string
	for err = f.Parse(args); err == nil && f.NArg() > 0; err = f.Parse(f.Args()[1:]) {
		bundles = append(bundles, f.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, true, nil
	case err != nil:
	case len(bundles) != 1:
		err = fmt.Errorf("one bundle is checked at a time, got %d", len(bundles))
	case form != "text" && form != "json":
		err = fmt.Errorf("--output is text or json, got %q", form)
	}
	if err != nil {
		return o, false, codes.New(codes.Usage, "%v", err).Fact("try", "fnode-verify --help")
	}
	o.bundle, o.json = bundles[0], form == "json"
	if key != "" {
		o.key, err = readKey(key)
	}
	return o, false, err
}

// readKey takes a key in hex, or a file with one.
func readKey(s string) (ed25519.PublicKey, error) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == ed25519.PublicKeySize {
		return b, nil
	}
	f, err := os.Open(s)
	if err != nil {
		return nil, codes.New(codes.InputMissing, "--key %s is no key of 64 hex digits, and no file: %v", s, plain(err)).Wrap(err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, codes.New(codes.InputMissing, "--key %s cannot be read: %v", s, plain(err)).Wrap(err)
	}
	if len(b) == ed25519.PublicKeySize {
		return b, nil
	}
	if b, err = hex.DecodeString(string(bytes.TrimSpace(b))); err != nil || len(b) != ed25519.PublicKeySize {
		return nil, codes.New(codes.Usage, "--key %s holds no key: 32 bytes, or 64 hex digits", s)
	}
	return b, nil
}

// plain is what the system said.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// check verifies a bundle and prints what it found. The error says what does not hold.
func check(o options, stdin io.Reader, out io.Writer, stderr io.Writer) (err error) {
	in, size := stdin, int64(0)
	if o.bundle != "-" {
		f, err := os.Open(o.bundle)
		if err != nil {
			return codes.New(codes.InputMissing, "%s cannot be opened: %v", o.bundle, plain(err)).Wrap(err)
		}
		defer func() { _ = f.Close() }() // it was only read
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		in = f
	}
	v := &view{options: o, out: out, hidden: map[string]*hidden{}}
	p := &progress{to: stderr, of: size, next: time.Now().Add(time.Second)}
	rep, err := evidence.Verify(bufio.NewReaderSize(in, 1<<16), evidence.Check{
		Key: o.key, Replays: replays(), Progress: p.at, Each: v.marker,
	})
	switch c := codes.From(err); {
	case c != nil && (c.Code == codes.NotABundle || c.Code == codes.BundleNewer):
		c.What = o.bundle + ": " + c.What
		return c
	case err != nil && c == nil:
		return codes.New(codes.StoreUnusable, "%s cannot be read: %v", o.bundle, plain(err)).Fact("try", "copy the bundle again").Wrap(err)
	}
	if c := codes.From(err); c != nil {
		c.What = o.bundle + " does not hold: " + c.What
	}
	v.report(&rep, err)
	return err
}

// progress says how far it is, once it takes more than a second.
type progress struct {
	to   io.Writer
	of   int64 // bytes; zero: nobody knows
	next time.Time
	n    int
}

func (p *progress) at(done int64) {
	if p.n++; p.n%256 != 0 && done%(1<<20) > 1<<18 {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(time.Second)
	if p.of > 0 {
		fmt.Fprintf(p.to, "fnode-verify: %d of %d MB, %d%%\n", done>>20, p.of>>20, done*100/p.of)
		return
	}
	fmt.Fprintf(p.to, "fnode-verify: %d MB\n", done>>20)
}

// tell prints an error as every command does, and gives its exit status.
func tell(w io.Writer, err error) int {
	e := codes.From(err)
	if e == nil {
		e = codes.New(codes.SurfaceFault, "%v", err)
	}
	line := "error: " + clean(e.What)
	fmt.Fprintf(w, "%s%s%s\n", line, strings.Repeat(" ", max(87-len([]rune(line)), 2)), e.Code.ID)
	try := e.Code.Hint
	for _, f := range e.Facts {
		if f.Label == "try" {
			try = f.Text
			continue
		}
		fmt.Fprintf(w, "  %-9s  %s\n", f.Label, clean(f.Text))
	}
	fmt.Fprintf(w, "  %-9s  %s\n  %-9s  %s\n  %-9s  fnctl explain %s\n", "unchanged", e.Code.Kept, "try", clean(try), "more", e.Code.ID)
	return e.Code.Exit
}

// replays recomputes every kind of decision that the daemon makes.
func replays() evidence.Validator {
	all := account.Replays()
	maps.Copy(all, extension.Replays())
	return all
}
