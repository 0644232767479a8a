package main

import (
	"encoding/json"
	"fmt"
	"math"
)

// compare says where two JSON values differ, "" if nowhere. mode "float" takes numbers as equal within
// 1e-12 relative; "error-text" takes any string for an engine's message.
func compare(got, want json.RawMessage, mode string) string {
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		return "the result is no JSON: " + err.Error()
	}
	if err := json.Unmarshal(want, &w); err != nil {
		return "the expected value is no JSON: " + err.Error()
	}
	return diff("result", g, w, mode)
}

func diff(at string, g, w any, mode string) string {
	differs := fmt.Sprintf("%s is %.60s, Node says %.60s", at, text(g), text(w))
	switch w := w.(type) {
	case map[string]any:
		m, ok := g.(map[string]any)
		if !ok || len(m) != len(w) {
			return differs
		}
		for k, v := range w {
			x, ok := m[k]
			if !ok {
				return at + "." + k + " is missing"
			}
			if d := diff(at+"."+k, x, v, mode); d != "" {
				return d
			}
		}
		return ""
	case []any:
		l, ok := g.([]any)
		if !ok || len(l) != len(w) {
			return differs
		}
		for i, v := range w {
			if d := diff(fmt.Sprintf("%s[%d]", at, i), l[i], v, mode); d != "" {
				return d
			}
		}
		return ""
	case float64:
		f, ok := g.(float64)
		if ok && (f == w || mode == "float" && math.Abs(f-w) <= 1e-12*math.Max(math.Abs(f), math.Abs(w))) {
			return ""
		}
		return differs
	case string:
		s, ok := g.(string)
		if ok && (s == w || mode == "error-text") {
			return ""
		}
		return differs
	}
	if g != w {
		return differs
	}
	return ""
}

func text(v any) string {
	b, _ := json.Marshal(v) // it came from JSON
	return string(b)
}
