package spec

// Rule is one rule of the kernel. A test that holds it is named for it: TestL3… is a test of L3. docs/rules.md
// lists them; a rule without a test, and a test of a rule that does not exist, fail (internal/lint).
type Rule struct {
	ID    string
	Says  string
	Later string // what of it is not built yet; empty: nothing is missing
	None  bool   // nothing of it is built yet, so that it needs no test
}

// RuleFamilies name the first letters of the rule ids.
var RuleFamilies = []struct{ Letter, Name string }{
	{"C", "Cx and authority"},
	{"L", "Lanes"},
	{"R", "Regions"},
	{"O", "Obligations"},
	{"S", "Supervision"},
	{"D", "Durability"},
	{"M", "Markers and proofs"},
	{"E", "Evidence"},
}

// Rules are the rules of the kernel, in order.
var Rules = []Rule{
	{ID: "C1", Says: "From actors upward every API with an effect takes a Cx first; time, randomness, ids, timers, spawning, storage and processes are reached only through it, and in the lab the lab answers."},
	{ID: "C2", Says: "A Cx is a context.Context. Done closes when the cancel request is accepted into the Cancel lane. In the lab Deadline reports none, and reading Done or Err is a step. It implements AfterFunc. A plain context cannot become a Cx."},
	{ID: "C3", Says: "A Cx carries region, actor, incarnation, trace id, budget (the meet of the parent's and its own) and capabilities, which only narrow downwards. Use of one that is not held is refused by a typed error with a code."},
	{ID: "C4", Says: "Checkpoint returns the cancel error and may let other actors run; it never delivers to its own actor, and is a step for the lab."},
	{ID: "C5", Says: "Ambient time, randomness, network, process and goroutine use stays in the rooms that own it."},

	{ID: "L1", Says: "A message's lane follows from its type: kernel types by the table, user types by Register, Ready where nothing is said; Cancel is the kernel's."},
	{ID: "L2", Says: "Inside a lane: Cancel and Ready by arrival, so that one sender's messages never overtake each other there; Timed by deadline, ties by arrival."},
	{ID: "L3", Says: "At each delivery boundary the first that applies: one Ready after 32 urgent deliveries in a row with Ready waiting; one Timed after 8 Cancels with a Timed waiting; else Cancel, Timed, Ready. The bounds of the heads follow: Ready 33, Timed 10, Cancel 3."},
	{ID: "L4", Says: "Lanes are bounded. A full Ready refuses with retry_after, drops the oldest, or lets callers outside actors wait. Cancel never refuses: equal requests merge into the strongest. Arming a timer reserves its place or is refused; a region disarms its timers."},
	{ID: "L5", Says: "Nothing is lost in silence: sent = queued + in delivery + handled + dead + refused + merged + revoked, per mailbox slot and lane, across incarnations."},
	{ID: "L6", Says: "The run queue has the same classes and streak rules. A worker looks for a higher class at every delivery boundary; a hand-off inherits the rest of the quantum and never passes a waiting Cancel or due Timed. A handler over 1 ms gets a spare worker beside it; one over its budget is stuck, by name."},
	{ID: "L7", Says: "Per lane and actor class: depth and counts always, and the age of the oldest message by a coarse clock; wait and service times of one message in 64, and of every one over a millisecond. That costs at most 15% of a tell."},

	{ID: "R1", Says: "Everything alive that was started through Cx has exactly one owning region: actors, child regions, timers, obligations, finalizers, processes, cgroups, files, listeners, goroutines."},
	{ID: "R2", Says: "Close refuses new work, asks members together (a supervisor alone, which closes its children by its own order), and a reason only strengthens; drain leaf first; finalize in reverse, masked from cancel; the outcome is the worst."},
	{ID: "R3", Says: "After CancelRequested, Ready goes on until the behaviour says Drained, or the lanes are empty with no open obligation, or the budget in time or deliveries ends. Brutal: no request and no drain."},
	{ID: "R4", Says: "Closed implies quiescent, shown by a proof that counts zero of everything.", Later: "the marker stream of durable regions"},
	{ID: "R5", Says: "The request wakes whatever its target waits for: timer, full lane, permit, answer, engine call. Each phase has a latency histogram."},
	{ID: "R6", Says: "What cannot be stopped makes its region Wedged: named, fenced, an incident; it goes on to Finalizing when the handler returns after all. Its parent ends ClosedWithResidue, naming it; at the root the process exits 70. A permanent child that wedges escalates unless its spec allows two incarnations.", Later: "revoking leases"},

	{ID: "O1", Says: "The holder resolves a promise, or its kind's rule once the holder is stopped or fenced; resolving twice is a broken invariant. Cancellation resolves none."},
	{ID: "O2", Says: "The kinds are a table, open to users, and each is durable or not by it."},
	{ID: "O3", Says: "When a holder stops, each open promise is handed on by its kind's rule or leaks; a leak is an incident, and the region's outcome is Leaked. A reply to an asker that is gone is no error."},
	{ID: "O4", Says: "Durable kinds survive a restart of the process.", Later: "all of it: it needs the marker stream", None: true},
	{ID: "O5", Says: "Reserve asks for a place and is answered by a permit; Send on it cannot fail for lack of room; Abort gives it back."},
	{ID: "O6", Says: "A go/analysis pass reports a promise that some path neither resolves, hands on, keeps nor returns, with that path."},

	{ID: "S1", Says: "Strategies one-for-one, one-for-all, rest-for-one, dynamic; restart permanent, transient, temporary. Children start in order, each ready before the next, and stop in reverse, one at a time (dynamic: all at once), each brutal, within a time, or wait-for-ever."},
	{ID: "S2", Says: "Restarts within a sliding window are bounded per supervisor; one too many, and it stops its children and fails to its own parent. At the root the process exits with a reason and a code."},
	{ID: "S3", Says: "Backoff per child: exponential with full jitter and a cap, reset after a stable period. A stop overtakes a pending restart, and a stale restart does nothing. A failed restart is tried again by message."},
	{ID: "S4", Says: "Significant children and automatic shutdown (any, all). Links and monitors fire exactly once per death, also when set after it."},
	{ID: "S5", Says: "A panic or error anywhere in a child's life ends that incarnation exactly once. What was queued is kept, dead-lettered or returned by the child's option; the message that killed it is named and not delivered again.", Later: "the message in the evidence"},
	{ID: "S6", Says: "A handler cannot be killed in Go: kill ends an incarnation at its next delivery boundary, and a handler that still runs at its stuck budget is abandoned."},
	{ID: "S7", Says: "Crash loop: N failures in a window move a child to its pinned known-good version if there is one, else to quarantine. Counted per child and looked at before the budget, N below it; a quarantined child adds nothing to it. On for extensions, off for other children."},
	{ID: "S8", Says: "Trees are data: validated with all faults at once, planned as a diff, and applied without touching children that did not change."},
	{ID: "S9", Says: "Inspection never sends a message to an actor: views are fed by published snapshots."},
	{ID: "S10", Says: "At run time: add a child, stop one keeping its spec, restart it, remove its spec, count, list; a start may decline."},

	{ID: "D1", Says: "One committer is the only writer: it checks, appends, syncs once a group, applies and acknowledges in order; the sync is the commit. Its decisions are a leaf, which the lab drives too."},
	{ID: "D2", Says: "Badger is derived: it is opened after a clean close with equal digests, else made anew from the newest good snapshot and the stream behind it. Pruning never passes that snapshot."},
	{ID: "D3", Says: "A head witness beside both. A store shorter than its witness does not start; it says what is missing, and a repair is a person's word."},
	{ID: "D4", Says: "A failed sync stops the writer for good; reads go on. Where there is no room what is durable is refused, and taken again when there is."},
	{ID: "D5", Says: "A torn tail is cut at the last whole frame and told; a bad frame that a later one testifies for is damage, named by file and offset. Nothing acknowledged is lost, nothing else half appears."},
	{ID: "D6", Says: "Badger's folder is verified by digests of its files before it is opened, else it is made anew."},
	{ID: "D7", Says: "The file system under everything of ours is an interface: the real one, one in memory that crashes, one that fails."},
	{ID: "D8", Says: "Growth is bounded: retention classes by kind, a quota with an order of what stops first, pruning only behind a signed checkpoint."},
	{ID: "D9", Says: "A backup is one consistent online snapshot. A restore is offline, refuses to go back behind a witness unless told why, and that is the first entry of the restored ledger."},
	{ID: "D10", Says: "A durability mode by kind. An answer never claims more than was reached."},

	{ID: "M1", Says: "A frame is a marker of fixed layout and its payload. The layout is the canonical form, the id its domain-separated hash; markers are dense and chained by hash. Look-up by sequence is O(1), by time O(log n)."},
	{ID: "M2", Says: "A Merkle Mountain Range over the markers, in the layout of draft-bryce-cose-receipts-mmr-profile. Inclusion and consistency can be proved; two holders find where they part in O(log n) exchanges."},
	{ID: "M3", Says: "Checkpoints are signed, never single records. A key is handed over by a statement that it signs of the next. Who verifies names the trust anchor, or is told which one was used."},
	{ID: "M4", Says: "Payloads, evidence and checkpoints are core deterministic CBOR, domain-separated where signed or hashed, with vectors that a second implementation checks."},

	{ID: "E1", Says: "Every decision that policy influenced leaves evidence: kind, inputs, candidates in a fixed order, constraints, choice, rule, links. Granting decisions are written ahead, in one commit with their effect; protective ones act at once and are written after. Repeated denials of one instance are counted.", Later: "denials of the API and of the network guard"},
	{ID: "E2", Says: "A decision is recomputed from its entry by the code that decided, and what differs is named, field by field."},
	{ID: "E3", Says: "The ledger in memory is a bounded ring, whose overflow is counted; the disk has all that is required.", Later: "keeping it in the daemon"},
	{ID: "E4", Says: "A bundle is verified offline, without the daemon: anchor, signatures, chains, proofs, payloads, decisions. Any break is told with its exact place; what is redacted is shown."},
}
