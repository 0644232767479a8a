package spec

// Retention says how long records of a kind are kept (rule D8).
type Retention uint8

// The retention classes.
const (
	Required  Retention = iota + 1 // kept until pruned behind a signed checkpoint by a person's order or the quota's age
	Ephemeral                      // its payload is the first that goes, and the first that is refused when room ends
)

var retentions = [...]string{"", "required", "ephemeral"}

// String gives the class's stable name.
func (r Retention) String() string { return enum(retentions[:], int(r)) }

// Durability is what an acknowledged commit of a kind has reached (rule D10).
type Durability uint8

// The durability modes. Quorum comes with cluster mode, through the same table.
const (
	Local Durability = iota + 1 // synced to the disk of this node
)

var durabilities = [...]string{"", "local"}

// String gives the mode's stable name.
func (d Durability) String() string { return enum(durabilities[:], int(d)) }

// Stop is when a kind is refused as room ends, first to last (rule D8). Pruning is never refused.
type Stop uint8

// The order of what stops first.
const (
	StopsAtHigh  Stop = iota + 1 // at the high watermark
	StopsAtFull                  // at the quota
	StopsAtEmpty                 // at the reserve of the disk only: what protects, and what makes room
)

var stops = [...]string{"", "at the high watermark", "at the quota", "at the reserve of the disk"}

// String says when, in words.
func (s Stop) String() string { return enum(stops[:], int(s)) }

// RecordKind is one row of the table of kinds of markers. Code is in every marker and never changes its meaning.
type RecordKind struct {
	Name       string
	Code       uint16
	Retention  Retention
	Durability Durability
	Stop       Stop
	Why        string
}

// RecordKinds are the kinds of records, in the order of their codes. A kind that is not here is refused by the
// store, and one without a class does not start (rule D8).
var RecordKinds = []RecordKind{
	{"genesis", 1, Required, Local, StopsAtEmpty, "the first marker of a ledger: its identity"},
	{"checkpoint", 2, Required, Local, StopsAtEmpty, "a signed statement of the head and of a snapshot"},
	{"key", 3, Required, Local, StopsAtEmpty, "a key of a role, or its hand-over to the next one"},
	{"restored", 4, Required, Local, StopsAtEmpty, "this ledger goes on from a backup: why, and behind which witness"},
	{"pruned", 5, Required, Local, StopsAtEmpty, "what was pruned, behind which checkpoint"},
	{"repaired", 6, Required, Local, StopsAtEmpty, "what a repair gave up, and on whose word"},
	{"receipt", 16, Required, Local, StopsAtFull, "an exception that a peer with role security granted or took back"},
	{"grant", 17, Required, Local, StopsAtFull, "evidence of a decision that grants, written ahead of its effect"},
	{"protect", 18, Required, Local, StopsAtEmpty, "evidence of a decision that protects, written after it"},
	{"denials", 19, Required, Local, StopsAtEmpty, "repeated denials of one instance, counted"},
	{"region", 32, Required, Local, StopsAtFull, "a durable region closed, with its proof"},
	{"obligation", 33, Required, Local, StopsAtFull, "a durable promise reserved or resolved"},
	{"lifecycle", 34, Required, Local, StopsAtFull, "what runs: started, ended, stopped, the daemon's runs"},
	{"kv", 48, Required, Local, StopsAtFull, "an extension's own state"},
	{"history", 49, Ephemeral, Local, StopsAtHigh, "the newest events of a path, for people"},
	{"test", 65535, Ephemeral, Local, StopsAtHigh, "tests and benchmarks only"},
}

var byName, byCode = func() (n map[string]*RecordKind, c map[uint16]*RecordKind) {
	n, c = map[string]*RecordKind{}, map[uint16]*RecordKind{}
	for i := range RecordKinds {
		k := &RecordKinds[i]
		n[k.Name], c[k.Code] = k, k
	}
	return n, c
}() // written at init

// RecordNamed is the kind with that name; nil if there is none. The row must not be changed.
func RecordNamed(name string) *RecordKind { return byName[name] }

// RecordCoded is the kind with that code; nil if there is none. The row must not be changed.
func RecordCoded(code uint16) *RecordKind { return byCode[code] }
