package programs

import "github.com/franken-node/fnode-supervisor/lab"

// The families whose numbers of traces are known. Bounds keep a name from asking for more than a machine has; what
// is within them may still be far too many to exhaust.
func init() {
	for _, f := range known {
		Add(f)
	}
}

// form makes a Form.
func form(mk func(n []int) lab.Scenario, params ...Param) Form {
	return Form{Params: params, Make: mk}
}

var known = []Family{
	{"fanin", "n senders send k messages each to one receiver", "fanin(3,1)", []Form{
		form(func(n []int) lab.Scenario { return Fanin(n[0], n[1]) }, num("n", 8), num("k", 8)),
	}},
	{"pingpong", "two actors count to k by turns", "pingpong(6)", []Form{
		form(func(n []int) lab.Scenario { return Pingpong(n[0]) }, num("k", 1000)),
	}},
	{"triangle", "A sends to C, then to B, which sends to C", "triangle", []Form{
		form(func([]int) lab.Scenario { return Triangle() }),
	}},
	{"cross_same", "two senders send to the same two receivers in the same order", "cross_same", []Form{
		form(func([]int) lab.Scenario { return CrossSame() }),
	}},
	{"reqrep", "c clients make k requests each, one after the other", "reqrep(2,2)", []Form{
		form(func(n []int) lab.Scenario { return Reqrep(n[0], n[1]) }, num("c", 6), num("k", 6)),
	}},
	{"register", "one writer and n readers of a value; with commute, reads are declared to commute", "register(3,commute)", []Form{
		form(func(n []int) lab.Scenario { return Register(n[0], false) }, num("n", 8)),
		form(func(n []int) lab.Scenario { return Register(n[0], true) }, num("n", 16), fixed("commute")),
	}},
	{"workers", "a master gives a job to each of n workers, which report twice", "workers(2)", []Form{
		form(func(n []int) lab.Scenario { return Workers(n[0]) }, num("n", 6)),
	}},
	{"twopc", "two-phase commit of n participants, of whom the first no vote no; with timeout the coordinator may give up", "twopc(2,0,timeout)", []Form{
		form(func(n []int) lab.Scenario { return TwoPC(n[0], n[1], false, false) }, num("n", 5), Param{Name: "no", Max: 5, UpTo: "n"}),
		form(func(n []int) lab.Scenario { return TwoPC(n[0], n[1], true, false) }, num("n", 5), Param{Name: "no", Max: 5, UpTo: "n"}, fixed("timeout")),
	}},
	{"twopc_cancel", "two-phase commit of n participants that all vote yes, and one cancel", "twopc_cancel(2)", []Form{
		form(func(n []int) lab.Scenario { return TwoPC(n[0], 0, false, true) }, num("n", 5)),
	}},
	{"mutex", "n clients take a lock once", "mutex(2)", []Form{
		form(func(n []int) lab.Scenario { return Mutex(n[0], false, false) }, num("n", 6)),
	}},
	{"mutex_cancel", "n clients take a lock, one of them is cancelled; leaky: it forgets a later grant", "mutex_cancel(2,leaky)", []Form{
		form(func(n []int) lab.Scenario { return Mutex(n[0], true, false) }, num("n", 6)),
		form(func(n []int) lab.Scenario { return Mutex(n[0], true, true) }, num("n", 6), fixed("leaky")),
	}},
	{"philo", "n philosophers and as many forks; ordered: the lower fork first", "philo(2)", []Form{
		form(func(n []int) lab.Scenario { return Philo(n[0], false) }, Param{Name: "n", Min: 2, Max: 6}),
		form(func(n []int) lab.Scenario { return Philo(n[0], true) }, Param{Name: "n", Min: 2, Max: 6}, fixed("ordered")),
	}},
	{"lostupdate", "n clients read a value and write one more, without a lock", "lostupdate(2)", []Form{
		form(func(n []int) lab.Scenario { return LostUpdate(n[0]) }, num("n", 6)),
	}},
	{"timeout1", "a request with a timer that its answer cancels", "timeout1", []Form{
		form(func([]int) lab.Scenario { return Timeout1() }),
	}},
	{"lane_same", "A sends C an ordinary message, then a cancel", "lane_same", []Form{
		form(func([]int) lab.Scenario { return LaneSame() }),
	}},
	{"lane_before", "X sends C a cancel, then tells A to send C an ordinary message", "lane_before", []Form{
		form(func([]int) lab.Scenario { return LaneBefore() }),
	}},
	{"lane_mix", "one cancel, one timed and k ordinary messages to one mailbox, each by a sender of its own", "lane_mix(1)", []Form{
		form(func(n []int) lab.Scenario { return LaneMix(n[0]) }, num("k", 6)),
	}},
	{"st_readers", "one writer of a key, n readers that each read an own key, then that one", "st_readers(3)", []Form{
		form(func(n []int) lab.Scenario { return StReaders(n[0]) }, num("n", 16)),
	}},
	{"st_writers", "n writers of one key", "st_writers(3)", []Form{
		form(func(n []int) lab.Scenario { return StWriters(n[0]) }, num("n", 8)),
	}},
	{"lastzero", "writer i adds one to what key i-1 holds; a reader looks from the last key downward for a zero", "lastzero(3)", []Form{
		form(func(n []int) lab.Scenario { return LastZero(n[0]) }, Param{Name: "n", Min: 2, Max: 12}),
	}},
	{"link", "k messages over one link that may drop, double or reorder; under fifo or bag", "link(2,drop=1)", []Form{
		form(func(n []int) lab.Scenario { return Link(n[0], lab.Link{Drop: n[1]}) }, num("k", 6), setting("drop", 6)),
		form(func(n []int) lab.Scenario { return Link(n[0], lab.Link{Dup: n[1]}) }, num("k", 6), setting("dup", 6)),
		form(func(n []int) lab.Scenario { return Link(n[0], lab.Link{Drop: n[1], Reorder: true}) }, num("k", 6), setting("drop", 6), fixed("reorder")),
	}},
}
