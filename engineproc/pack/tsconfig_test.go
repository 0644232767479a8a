package pack

import (
	"encoding/json"
	"testing"
)

func TestTheDialectOfTsconfigBecomesJSON(t *testing.T) {
	for in, want := range map[string]string{
		"{ // one\n \"a\": 1, /* two */ \"b\": [1, 2,], }": `{"a":1,"b":[1,2]}`,
		`{"url":"http://x//y","q":"\"/*no*/"}`:             `{"url":"http://x//y","q":"\"/*no*/"}`,
		`{"a":"\\"}`:                                       `{"a":"\\"}`,
		"{}":                                               "{}",
	} {
		var got, wanted any
		if err := json.Unmarshal(plainJSON([]byte(in)), &got); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		_ = json.Unmarshal([]byte(want), &wanted)
		one, _ := json.Marshal(got)
		two, _ := json.Marshal(wanted)
		if string(one) != string(two) {
			t.Errorf("%s: %s, want %s", in, one, two)
		}
	}
}

func FuzzPlainJSON(f *testing.F) {
	for _, s := range []string{"{ // a\n}", `{"a":"\\`, "/*", "//", `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := plainJSON(b); len(out) > len(b) {
			t.Fatalf("%q grew to %q", b, out)
		}
	})
}
