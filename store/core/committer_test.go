package core_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// state is the applied state: what the driver owns.
type state map[string]string

func (s state) Get(key string) ([]byte, bool, error) {
	v, ok := s[key]
	return []byte(v), ok, nil
}

func (s state) Usage(prefix string, skip func(string) bool) (bytes, keys int64, err error) {
	for k, v := range s {
		if strings.HasPrefix(k, prefix) && !skip(k) {
			bytes, keys = bytes+int64(len(k)+len(v)), keys+1
		}
	}
	return bytes, keys, nil
}

func (s state) apply(tx core.Tx) {
	for _, kv := range tx.Set {
		s[kv.Key] = string(kv.Value)
	}
	for _, k := range tx.Delete {
		delete(s, k)
	}
}

// blind is a state that cannot be read.
type blind struct{}

var errIO = errors.New("input/output error")

func (blind) Get(string) ([]byte, bool, error)                             { return nil, false, errIO }
func (blind) Usage(string, func(string) bool) (bytes, keys int64, e error) { return 0, 0, errIO }

// parse reads a transaction: "k==v" and "!k" are conditions, "p<100/3" a quota of bytes and keys, "k=v" sets, "-k"
// deletes, "@history" is its kind, "+body" has one.
func parse(s string) core.Tx {
	tx := core.Tx{Kind: "kv"}
	for _, w := range strings.Fields(s) {
		if k, v, ok := strings.Cut(w, "=="); ok {
			tx.If = append(tx.If, core.Cond{Key: k, Value: []byte(v)})
		} else if k, q, ok := strings.Cut(w, "<"); ok {
			var quota core.Quota
			if _, err := fmt.Sscanf(q, "%d/%d", &quota.Bytes, &quota.Keys); err != nil {
				panic(err)
			}
			tx.If = append(tx.If, core.Cond{Key: k, Quota: &quota})
		} else if k, v, ok := strings.Cut(w, "="); ok {
			tx.Set = append(tx.Set, core.KV{Key: k, Value: append([]byte(nil), v...)}) // nil where it is empty
		} else {
			switch rest := w[1:]; w[0] {
			case '!':
				tx.If = append(tx.If, core.Cond{Key: rest, Absent: true})
			case '-':
				tx.Delete = append(tx.Delete, rest)
			case '@':
				tx.Kind = rest
			case '+':
				tx.Body = []byte(rest)
			default:
				panic(w)
			}
		}
	}
	return tx
}

// says is an answer: the sequence, or the code of the refusal, with "?" where the outcome is unknown.
func says(it core.Item) string {
	switch c := codes.From(it.Err); {
	case it.Err == nil:
		return fmt.Sprint(it.Tag, "=", it.Seq)
	case c == nil:
		return fmt.Sprint(it.Tag, ":", it.Err)
	case c.Effect == base.EffectUnknown:
		return fmt.Sprint(it.Tag, ":", c.Code.Name, "?")
	default:
		return fmt.Sprint(it.Tag, ":", c.Code.Name)
	}
}

// told is a list of commands in one line.
func told(out []core.Do) string {
	var lines []string
	for _, d := range out {
		line := d.String()
		for _, it := range d.Items {
			if d.Command == core.Answer {
				line += " " + says(it)
			} else {
				line += fmt.Sprint(" ", it.Tag)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// items makes a group: "a: k=v | b: -k".
func items(s string) (out []core.Item) {
	for part := range strings.SplitSeq(s, "|") {
		name, tx, _ := strings.Cut(part, ":")
		out = append(out, core.Item{Tx: parse(tx), Tag: strings.TrimSpace(name)})
	}
	return out
}

// play takes the steps of a script, and checks what each answers: the part behind "->". A step is a call, with an error
// where it ends with "!"; "commit" takes a group through all of them, "room" sets the level from here on, "is" looks.
func play(t *testing.T, c *core.Committer, s state, script string) {
	t.Helper()
	var room core.Level
	var waiting [][]core.Item
	for line := range strings.Lines(script) {
		step, want, _ := strings.Cut(strings.TrimSpace(line), "->")
		step, want = strings.TrimSpace(step), strings.TrimSpace(want)
		verb, rest, _ := strings.Cut(step, " ")
		var err error
		if strings.HasSuffix(verb, "!") {
			verb, err = verb[:len(verb)-1], errIO
		}
		var out []core.Do
		switch verb {
		case "":
			continue
		case "room":
			n, _ := strconv.Atoi(rest)
			room = core.Level{Stop: spec.Stop(n), Err: codes.New(codes.DiskFull, "no room")}
		case "take":
			out = c.Take(items(rest), room)
		case "commit": // all of it, one after the other
			for _, d := range c.Take(items(rest), room) {
				switch d.Command {
				case core.Answer:
					out = append(out, d)
				case core.Sync:
					for _, it := range c.Durable(nil)[0].Items {
						s.apply(it.Tx)
					}
					out = append(out, c.Applied(nil)...)
				}
			}
		case "durable":
			out = c.Durable(err)
		case "applied":
			if err == nil && c.Stale() == nil {
				for _, it := range waiting[0] {
					s.apply(it.Tx)
				}
			}
			waiting = waiting[1:]
			out = c.Applied(err)
		case "fail":
			out = c.Fail(errIO)
		case "is":
			have := fmt.Sprintf("head %d synced %d done %d behind %d idle %v", c.Head(), c.Synced(), c.Done(), c.Behind(), c.Idle())
			if have != want {
				t.Errorf("%s", have)
			}
			continue
		default:
			t.Fatalf("%q", line)
		}
		for _, d := range out {
			if d.Command == core.Apply {
				waiting = append(waiting, d.Items)
			}
		}
		if got := told(out); got != want {
			t.Errorf("%s\n   -> %s\nwant  %s", step, got, want)
		}
	}
}

func TestD1TheCommitterSaysWhatIsNext(t *testing.T) {
	for _, row := range []struct{ name, script string }{
		{"one group", `
			is -> head 0 synced 0 done 0 behind 0 idle true
			take a: k=1 -> append a, sync a
			is -> head 1 synced 0 done 0 behind 0 idle false
			durable -> apply a
			is -> head 1 synced 1 done 0 behind 1 idle true
			applied -> answer a=1
			is -> head 1 synced 1 done 1 behind 0 idle true`},
		{"refusals are answered at once and leave no marker; the others keep their order", `
			take a: k=1 | b: k==0 k=2 | c: l=1 | d: !l l=2 | e: k==1 k=2 -> answer b:conflict d:conflict, append a c e, sync a c e
			durable -> apply a c e
			applied -> answer a=1 c=2 e=3`},
		{"nothing is accepted: nothing is written", `
			take a: k==1 k=2 | b: | c: @nothing k=1 -> answer a:conflict b:bad_tx c:bad_tx
			is -> head 0 synced 0 done 0 behind 0 idle true
			take ->  answer :bad_tx`},
		{"a group is applied while the next is synced, and answered in order", `
			take a: k=1 -> append a, sync a
			durable -> apply a
			take b: k=2 -> append b, sync b
			durable -> apply b
			take c: k=3 -> append c, sync c
			is -> head 3 synced 2 done 0 behind 2 idle false
			applied -> answer a=1
			applied -> answer b=2
			durable -> apply c
			applied -> answer c=3`},
		{"a condition sees the group in flight, and what is durable but not applied", `
			take a: k=1 | b: -k | c: !k k=2 -> append a b c, sync a b c
			durable -> apply a b c
			take d: k==1 k=3 | e: k==2 k=3 -> answer d:conflict, append e, sync e
			applied -> answer a=1 b=2 c=3
			durable -> apply e
			take f: k==2 k=4 | g: k==3 k=4 -> answer f:conflict, append g, sync g
			applied -> answer e=4
			durable -> apply g
			applied -> answer g=5
			take h: k==4 -> append h, sync h`},
		{"a token that is handed over refuses the old holder in every group after", `
			take old: t==0 x=1 | new: t==0 t=1 | old: t==0 x=2 -> answer old:conflict new:conflict old:conflict
			take first: t=0 -> append first, sync first
			durable -> apply first
			take old: t==0 x=1 | new: t==0 t=1 | late: t==0 x=2 -> answer late:conflict, append old new, sync old new
			durable -> apply old new
			applied -> answer first=1
			take late: t==0 x=3 | new: t==1 x=4 -> answer late:conflict, append new, sync new
			applied -> answer old=2 new=3
			durable -> apply new
			applied -> answer new=4
			take late: t==0 x=5 -> answer late:conflict`},
		{"an empty value is there, a deleted key is not", `
			take a: k= | b: !k k=1 | c: k== l=1 | d: -k | e: k== | f: !k -> answer b:conflict e:conflict, append a c d f, sync a c d f
			durable -> apply a c d f
			applied -> answer a=1 c=2 d=3 f=4`},
		{"twice the same key in one transaction: the last counts, and a deletion behind it", `
			take a: k=1 k=2 l=1 -l | b: k==1 | c: k==2 !l -> answer b:conflict, append a c, sync a c
			durable -> apply a c
			applied -> answer a=1 c=2
			take d: k==2 !l -> append d, sync d`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := state{}
			play(t, core.NewCommitter(s, 0), s, row.script)
		})
	}
}

func TestD1QuotasCountWhatIsAccepted(t *testing.T) {
	for _, row := range []struct{ name, script string }{
		{"the first count takes what is in flight over the state", `
			commit x: p/a=1 p/gone=1 -> answer x=1
			take a: p/a=99 p/b=22 -p/gone -> append a, sync a
			durable -> apply a
			take b: p/<15/3 p/c=33 | c: p/<14/2 | d: p/<15/2 -> answer c:quota_exceeded d:quota_exceeded, append b, sync b
			take -> answer :bad_tx`},
		{"across groups, applied and not", `
			take a: p/<10/9 p/a=11 -> append a, sync a
			durable -> apply a
			take b: p/<10/9 p/b=11 | c: p/<10/9 p/c=11 | d: p/<10/9 p/d= -> answer c:quota_exceeded d:quota_exceeded, append b, sync b
			applied -> answer a=1
			durable -> apply b
			take e: p/<10/9 p/c= | f: p/c=1 | g: p/<99/2 -p/a -> answer e:quota_exceeded, append f g, sync f g
			applied -> answer b=2
			durable -> apply f g
			take h: p/<9/2 p/b=1 | i: p/<7/2 -> answer i:quota_exceeded, append h, sync h`},
		{"a key that is written again counts once; what is deleted gives room back", `
			commit a: p/<8/2 p/a=12345 | b: p/<8/2 p/a=54321 | c: p/<8/2 p/a=123456 | d: p/<8/2 -p/a p/b=1 -> answer c:quota_exceeded, answer a=1 b=2 d=3
			commit e: p/<9/2 p/c=12 | f: p/<9/1 -p/b | g: p/<9/1 -p/b -p/never -> answer e=4 f=5 g=6
			commit h: p/<5/1 | i: p/<4/1 -> answer i:quota_exceeded, answer h=7`},
		{"twice in one transaction counts as what it comes to", `
			commit a: p/<4/1 p/a=1234567890 p/a=1 -> answer a=1
			commit b: p/<4/1 p/b=1 -p/b p/a=2 -> answer b=2
			commit c: p/<4/1 p/a=3 | d: p/<4/1 p/b=3 -p/a | e: p/<4/1 p/a=3 -> answer e:quota_exceeded, answer c=3 d=4`},
		{"what is refused does not count", `
			commit a: p/<4/1 p/a=1 | b: p/<9/2 q==1 p/b=1 | c: p/<4/1 -p/a p/c=1 -> answer b:conflict, answer a=1 c=2`},
		{"one prefix under another", `
			commit a: p/<99/9 p/q/<99/9 p/q/a=1 p/b=1 -> answer a=1
			commit b: p/<99/1 | c: p/<99/2 | d: p/q/<99/1 | e: p/q/<5/1 -> answer b:quota_exceeded e:quota_exceeded, answer c=2 d=3`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := state{}
			play(t, core.NewCommitter(s, 0), s, row.script)
		})
	}
}

func TestD4AfterAFailureNothingIsWrittenAndNothingIsClaimed(t *testing.T) {
	for _, row := range []struct{ name, script string }{
		{"before anything", `
			fail ->
			take a: k=1 | b: k==1 k=2 | c: @nothing k=1 -> answer a:store_stopped b:store_stopped c:store_stopped
			is -> head 0 synced 0 done 0 behind 0 idle true`},
		{"at the append", `
			take a: k=1 | b: l=1 -> append a b, sync a b
			fail -> answer a:store_stopped? b:store_stopped?
			fail ->
			take c: m=1 -> answer c:store_stopped`},
		{"at the sync", `
			take a: k=1 -> append a, sync a
			durable! -> answer a:store_stopped?
			take c: m=1 -> answer c:store_stopped
			is -> head 1 synced 0 done 0 behind 0 idle true`},
		{"a sync that ends after the writer was stopped claims nothing", `
			take a: k=1 -> append a, sync a
			fail -> answer a:store_stopped?
			durable ->
			durable! ->
			is -> head 1 synced 0 done 0 behind 0 idle true`},
		{"what was durable is applied and acknowledged", `
			take a: k=1 -> append a, sync a
			durable -> apply a
			take b: k=2 -> append b, sync b
			durable! -> answer b:store_stopped?
			applied -> answer a=1
			is -> head 2 synced 1 done 1 behind 0 idle true`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := state{}
			c := core.NewCommitter(s, 0)
			play(t, c, s, row.script)
			if !errors.Is(c.Failed(), errIO) {
				t.Error(c.Failed())
			}
		})
	}
}

func TestD1WhatCouldNotBeAppliedStandsAndIsAcknowledged(t *testing.T) {
	s := state{}
	c := core.NewCommitter(s, 0)
	play(t, c, s, `
		take a: k=1 -> append a, sync a
		durable -> apply a
		take b: k==1 k=2 -> append b, sync b
		durable -> apply b
		take c: l=1 -> append c, sync c
		applied! -> answer a=1
		applied -> answer b=2
		durable -> apply c
		applied! -> answer c=3
		is -> head 3 synced 3 done 0 behind 0 idle true
		take d: k==2 k=3 | e: !q q=1 | f: p/<9/9 p/a=1 | g: k=9 | h: -k -> answer d:state_stale e:state_stale f:state_stale, append g h, sync g h
		durable -> apply g h
		applied! -> answer g=4 h=5`)
	if c.Stale() == nil || !errors.Is(c.Stale(), errIO) {
		t.Error(c.Stale())
	}
}

// TestD1AStateThatCannotBeReadRefusesNoPlainWrite: not even where quotas were counted before; what protects is a plain
// write.
func TestD1AStateThatCannotBeReadRefusesNoPlainWrite(t *testing.T) {
	broken := state{}
	c := core.NewCommitter(blindAfter{broken}, 0)
	play(t, c, broken, `
		take a: p/<99/9 p/a=1 -> append a, sync a
		durable -> apply a
		applied! -> answer a=1`)
	broken["blind"] = ""
	play(t, c, broken, `
		take b: p/b=1 | c: @protect +body | d: p/<99/9 p/c=1 -> answer d:state_stale, append b c, sync b c`)
}

// blindAfter is a state that cannot be read any more once it has the key "blind".
type blindAfter struct{ state }

func (b blindAfter) Get(k string) ([]byte, bool, error) {
	if _, off := b.state["blind"]; off {
		return blind{}.Get(k)
	}
	return b.state.Get(k)
}

func TestAStateThatCannotBeReadRefusesWhatLooksAtIt(t *testing.T) {
	c := core.NewCommitter(blind{}, 7)
	play(t, c, state{}, `
		take a: k==1 k=2 | b: p/<9/9 p/a=1 | c: k=1 | d: k==1 l=1 -> answer a:input/output error b:input/output error, append c d, sync c d
		is -> head 9 synced 7 done 7 behind 0 idle false`)
}

func TestD8EachKindStopsAtItsLevel(t *testing.T) {
	for _, k := range spec.RecordKinds {
		for stop := spec.Stop(0); stop <= spec.StopsAtEmpty+1; stop++ {
			for _, tx := range []struct {
				text string
				room bool // it makes room
			}{{"k=1", false}, {"+body", false}, {"k=1 -l", false}, {"-k", true}, {"!k", true}, {"!k -k", true}} {
				c := core.NewCommitter(state{}, 0)
				full := codes.New(codes.DiskFull, "no room")
				out := c.Take(items("a: @"+k.Name+" "+tx.text), core.Level{Stop: stop, Err: full})
				want := "append a, sync a"
				if stop > spec.StopsAtEmpty || stop >= k.Stop && !tx.room {
					want = "answer a:disk_full"
				}
				if got := told(out); got != want {
					t.Errorf("%s %q at %q: %s, want %s", k.Name, tx.text, stop, got, want)
				}
			}
		}
	}
}

// naive is the store as one would write it down: a map, and a list of what was accepted.
type naive struct {
	now  state
	list []core.Tx
}

// take is the code of the refusal; empty: it is accepted.
func (n *naive) take(tx core.Tx) string {
	for _, c := range tx.If {
		if c.Quota == nil {
			if v, ok := n.now[c.Key]; ok == c.Absent || ok && v != string(c.Value) {
				return "conflict"
			}
			continue
		}
		after := maps.Clone(n.now)
		after.apply(tx)
		if bytes, keys, _ := after.Usage(c.Key, func(string) bool { return false }); bytes > c.Quota.Bytes || keys > c.Quota.Keys {
			return "quota_exceeded"
		}
	}
	n.now.apply(tx)
	n.list = append(n.list, tx)
	return ""
}

// ahead is a state that an apply under way has already changed in part, as Badger's may be.
type ahead struct {
	state
	more *[]core.Tx // of the oldest group that is not applied
}

func (a ahead) view() state {
	s := maps.Clone(a.state)
	for _, tx := range *a.more {
		s.apply(tx)
	}
	return s
}

func (a ahead) Get(k string) ([]byte, bool, error) { return a.view().Get(k) }
func (a ahead) Usage(p string, skip func(string) bool) (bytes, keys int64, err error) {
	return a.view().Usage(p, skip)
}

// TestD1TheCommitterDecidesAsOneAfterTheOther: whatever the order of Take, Durable and Applied, each transaction is
// decided as if those before it had been written one by one.
func TestD1TheCommitterDecidesAsOneAfterTheOther(t *testing.T) {
	keys := []string{"t", "p/a", "p/b", "p/q/c", "z"}
	rapid.Check(t, func(t *rapid.T) {
		model := &naive{now: state{}}
		applied, more := state{}, []core.Tx{}
		c := core.NewCommitter(ahead{applied, &more}, 0)
		var behind [][]core.Item
		var answered, fed []uint64
		key := func() string { return rapid.SampledFrom(keys).Draw(t, "key") }
		value := func() string { return rapid.SampledFrom([]string{"", "0", "1", "22"}).Draw(t, "value") }
		draw := func() core.Tx {
			tx := core.Tx{Kind: "kv"}
			for range rapid.IntRange(0, 2).Draw(t, "conditions") {
				switch rapid.IntRange(0, 3).Draw(t, "condition") {
				case 0:
					tx.If = append(tx.If, core.Cond{Key: key(), Value: []byte(value())})
				case 1:
					tx.If = append(tx.If, core.Cond{Key: key(), Absent: true})
				default:
					p := rapid.SampledFrom([]string{"p/", "p/q/"}).Draw(t, "prefix")
					tx.If = append(tx.If, core.Cond{Key: p, Quota: &core.Quota{Bytes: int64(rapid.IntRange(0, 16).Draw(t, "bytes")), Keys: int64(rapid.IntRange(0, 3).Draw(t, "keys"))}})
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "writes") {
				tx.Set = append(tx.Set, core.KV{Key: key(), Value: []byte(value())})
			}
			for range rapid.IntRange(0, 2).Draw(t, "deletes") {
				tx.Delete = append(tx.Delete, key())
			}
			if len(tx.If)+len(tx.Set)+len(tx.Delete) == 0 {
				tx.Body = []byte("x")
			}
			return tx
		}
		do := func(out []core.Do) {
			for _, d := range out {
				switch d.Command {
				case core.Apply:
					behind = append(behind, d.Items)
				case core.Answer:
					for _, it := range d.Items {
						if it.Err == nil {
							answered = append(answered, it.Seq)
						}
					}
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				if !c.Idle() {
					continue
				}
				var group []core.Item
				var want, got []string
				for i := range rapid.IntRange(1, 4).Draw(t, "group") {
					tx := draw()
					group = append(group, core.Item{Tx: tx, Tag: i})
					want = append(want, model.take(tx))
				}
				got = make([]string, len(want))
				out := c.Take(group, core.Level{})
				for _, d := range out {
					for _, it := range d.Items {
						switch {
						case d.Command == core.Answer:
							got[it.Tag.(int)] = codes.From(it.Err).Code.Name
						case d.Command == core.Append:
							fed = append(fed, it.Seq)
						}
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("decided %q, one after the other they are %q", got, want)
				}
				do(out)
			case 2:
				if !c.Idle() {
					do(c.Durable(nil))
				}
			case 3:
				if len(behind) == 0 {
					continue
				}
				if n := rapid.IntRange(0, len(behind[0])).Draw(t, "already there"); len(more) == 0 && n < len(behind[0]) {
					for _, it := range behind[0][:n] { // an apply that is under way
						more = append(more, it.Tx)
					}
					continue
				}
				more = more[:0]
				for _, it := range behind[0] {
					applied.apply(it.Tx)
				}
				behind = behind[1:]
				do(c.Applied(nil))
			}
		}
		if !c.Idle() {
			do(c.Durable(nil))
		}
		more = more[:0]
		for _, g := range behind {
			for _, it := range g {
				applied.apply(it.Tx)
			}
			do(c.Applied(nil))
		}
		if !maps.Equal(applied, model.now) {
			t.Fatalf("applied %v, one after the other it is %v", applied, model.now)
		}
		want := make([]uint64, len(model.list))
		for i := range want {
			want[i] = uint64(i) + 1
		}
		if !slices.Equal(fed, want) || !slices.Equal(answered, want) {
			t.Fatalf("%d were accepted; appended %v, acknowledged %v", len(want), fed, answered)
		}
		if n := uint64(len(want)); c.Head() != n || c.Synced() != n || c.Done() != n || c.Behind() != 0 {
			t.Fatal(c.Head(), c.Synced(), c.Done(), c.Behind())
		}
	})
}
