package main

import "testing"

func TestCompare(t *testing.T) {
	for _, row := range []struct {
		got, want, mode string
		same            bool
	}{
		{`{"a":[1,"x"]}`, `{"a":[1,"x"]}`, "", true},
		{`{"a":[1,"y"]}`, `{"a":[1,"x"]}`, "", false},
		{`{"a":[1,"y"]}`, `{"a":[1,"x"]}`, "error-text", true},
		{`0.30000000000000004`, `0.3`, "", false},
		{`0.30000000000000004`, `0.3`, "float", true},
		{`0.3001`, `0.3`, "float", false},
		{`{"a":1,"b":2}`, `{"a":1}`, "", false},
		{`null`, `null`, "", true},
		{`[]`, `{}`, "", false},
	} {
		if d := compare([]byte(row.got), []byte(row.want), row.mode); (d == "") != row.same {
			t.Errorf("%s and %s (%s): %q", row.got, row.want, row.mode, d)
		}
	}
}
