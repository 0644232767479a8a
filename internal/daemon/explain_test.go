package daemon

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestTheFirstCauseIsOneThatSaysWhatHappened(t *testing.T) {
	quoted := codes.New(codes.GateFailed, "a did not enter its sandbox: report: EOF").Wrap(fmt.Errorf("report: %w", io.EOF))
	deeper := codes.New(codes.EngineStart, "the engine of a did not start").Wrap(errors.New("no room"))
	coded := codes.New(codes.EngineDied, "ended")
	for _, row := range []struct{ err, want error }{
		{codes.New(codes.EngineStart, "the engine of a did not start").Wrap(quoted), quoted},
		{deeper, deeper.Err},
		{fmt.Errorf("sup/a: %w", coded), coded},
		{io.EOF, io.EOF},
	} {
		if got := firstCause(row.err); got != row.want {
			t.Errorf("of %v: %v, want %v", row.err, got, row.want)
		}
		if chain := causes("sup/a", row.err); !strings.Contains(row.want.Error(), chain[0].What) {
			t.Errorf("of %v: the chain begins with %q", row.err, chain[0].What)
		}
	}
}

func TestADaemonThatNeverCameUpDoesNotEndWithTheAnswerNo(t *testing.T) {
	boot := func(c *codes.Code) error {
		return codes.New(codes.BootFailed, "sup/a did not start").Wrap(codes.New(c, "why"))
	}
	for _, row := range []struct {
		err  error
		want int
	}{
		{boot(codes.EngineDied), codes.ExitOurFault},
		{boot(codes.LoadFailed), codes.ExitBadData},
		{boot(codes.EngineRefused), codes.ExitSkew},
		{codes.New(codes.EngineDied, "later"), codes.ExitOurFault},
	} {
		if got := ExitOf(row.err); got != row.want {
			t.Errorf("%v: exit %d, want %d", row.err, got, row.want)
		}
	}
}

func TestSeveralRefusalsKeepWhatEachOfThemSaysToDo(t *testing.T) {
	refusal := func(name string) error {
		return codes.New(codes.LayersMissing, "%s cannot run as strict here", name).Fact("seccomp", "to get it: a newer kernel")
	}
	e := codes.From(joined("%d extensions cannot run here", []error{refusal("a"), refusal("b")}))
	if e == nil || e.Code != codes.LayersMissing || e.What != "2 extensions cannot run here" {
		t.Fatal(e)
	}
	want := []codes.Fact{
		{Label: "fault", Text: refusal("a").Error()},
		{Label: "fault", Text: refusal("b").Error()},
		{Label: "seccomp", Text: "to get it: a newer kernel"},
	}
	if fmt.Sprint(e.Facts) != fmt.Sprint(want) {
		t.Errorf("%v", e.Facts)
	}
}
