package daemon

import "testing"

func TestACounterOfLiveThingsNeverFalls(t *testing.T) {
	var c tally[string]
	for i, row := range []struct {
		now  map[string]float64
		want float64
	}{
		{map[string]float64{"a": 5, "b": 1}, 6},
		{map[string]float64{"b": 4}, 9},          // a is gone, and stays counted
		{map[string]float64{"b": 4, "c": 2}, 11}, // c is new
		{map[string]float64{}, 11},               // nothing lives
		{map[string]float64{"a": 1}, 12},         // another one of that name
		{map[string]float64{"a": 0}, 12},         // what falls by itself is not taken off
	} {
		if got := c.see(row.now); got != row.want {
			t.Errorf("look %d: %v, want %v", i, got, row.want)
		}
	}
}
