package main

const (
	proto    = "protoactor default"
	channels = "Go channels"
)

// measures is the table of the kernel's speeds, in its order.
var measures = []measure{
	{
		name: "tell 1:1", unit: "ns per message", reps: [2]int{15, 5}, ours: tell(1),
		peers: []peer{{proto, protoTell(1)}, {"Go channel of 1024", chanTell(1)}}, goals: []string{"1.5 / 2.5", "- / 1"},
	},
	{
		name: "tell 8:1", unit: "ns per message", reps: [2]int{15, 5}, ours: tell(8),
		peers: []peer{{proto, protoTell(8)}}, goals: []string{"2.5 / 5"},
	},
	{
		name: "tell 64:1", unit: "ns per message", reps: [2]int{15, 3}, ours: tell(64),
		peers: []peer{{proto, protoTell(64)}}, goals: []string{"no slope from 8"},
	},
	{
		name: "ping-pong", unit: "ns per round trip", reps: [2]int{15, 5}, ours: pingPong,
		peers: []peer{{proto, protoPingPong}, {"a pair of Go channels", chanPingPong}}, goals: []string{"3 / 6", "2 / 4"},
	},
	{
		name: "ask", unit: "ns per question and answer", reps: [2]int{15, 5}, ours: ask,
		peers: []peer{{"protoactor RequestFuture", protoAsk}}, goals: []string{"4 / 10"},
	},
	{
		name: "spawn+stop", unit: "ns per actor", reps: [2]int{15, 5}, ours: spawnStop,
		peers: []peer{{proto, protoSpawnStop}}, goals: []string{"1.5 / 3.5"},
	},
	{
		name: "idle bytes", unit: "bytes per idle actor", reps: [2]int{1, 1}, ours: idle,
		peers: []peer{{proto, protoIdle}}, goals: []string{"1.67 / 2.5"},
	},
	{
		name: "cancel p50", unit: "us, 100k Ready waiting", reps: [2]int{9, 3}, ours: cancelP50,
		peers: []peer{{"protoactor user message", protoProbe}, {"protoactor Stop", protoStop}}, goals: []string{"1000 / 3000", "1 / -"},
	},
	{
		name: "cancel p99.9", unit: "us, 100k Ready waiting", reps: [2]int{1, 1}, ours: cancelP999,
		goals: []string{"- / 50 us"},
	},
	{
		name: "region close 10k", unit: "ms to the proof", reps: [2]int{15, 5}, ours: closeRegion, goals: []string{"30 / 10 ms"},
	},
	{
		name: "panic restart", unit: "us, panic to the next delivery", reps: [2]int{15, 5}, ours: panicRestart, goals: []string{"measured / 5 us"},
	},
}
