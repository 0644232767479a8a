package lab

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type pair struct {
	A int
	b string
}

type large struct {
	A, B, C, D int
	E          []string
}

type loud struct{}

func (loud) String() string { panic("no words") }

type loop struct{ Next *loop }

// TestMessagesAreDescribedTheSameInEveryRun: no addresses, maps in order, nothing that breaks a line.
func TestMessagesAreDescribedTheSameInEveryRun(t *testing.T) {
	round := &loop{}
	round.Next = round
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "nil"},
		{"plain\nword\x1b", "plain word\uFFFD"},
		{struct {
			A int
			b string
		}{0, "x y"}, `struct{0 "x y"}`},
		{pair{0, "x y"}, "pair"}, // of the kernel's own types only what is exported and set
		{&pair{1, ""}, "pair{1}"},
		{large{B: 2, E: []string{"a"}}, `large{2 ["a"]}`},
		{struct{}{}, "struct"},
		{[]int{1, 2, 3, 4, 5, 6}, "[1 2 3 4 … 2 more]"},
		{[]byte("hi"), `"hi"`},
		{map[string]int{"b": 2, "a": 1, "c": 3}, `{"a": 1, "b": 2, "c": 3}`},
		{errors.New("it failed"), "errorString{\"it failed\"}"},
		{time.Second, "1s"},
		{loud{}, "loud"},
		{func() {}, "func()"},
		{3.5, "3.5"},
		{true, "true"},
		{uint8(7), "7"},
		{(*pair)(nil), "nil"},
	} {
		if got := describe(c.v); got != c.want {
			t.Errorf("%T: %q, want %q", c.v, got, c.want)
		}
	}
	if got := describe(round); strings.Contains(got, "0x") || len([]rune(got)) > mostText {
		t.Errorf("%q", got)
	}
	if got := describe(strings.Repeat("x", 500)); len([]rune(got)) != mostText {
		t.Errorf("%d characters", len([]rune(got)))
	}
}
