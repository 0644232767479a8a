package marker

// Lifecycle is the body of a marker of the kind "lifecycle": what happened to one node of the supervision tree, whose
// path is the payload's actor and whose owner's path is its region. Texts are cut to 2 KiB.
//
//	boot         a run of the daemon began; the nodes of its tree follow as "added"
//	added        a node is in the books: Node says what it is, and where among its siblings
//	removed      it is in them no more
//	started      an incarnation is ready
//	ended        it has ended: Reason is how, Cause why
//	stopped      it was stopped by hand; Reason says by whom
//	quarantined  nothing starts it by itself any more
//	wedged, leaked, report
//	cut_off      a shutdown was forced, or left something
//	shutdown     the run ended in order
type Lifecycle struct {
	Event       string `cbor:"1,keyasint" json:"event"`
	Incarnation uint32 `cbor:"2,keyasint,omitempty" json:"incarnation,omitempty"`
	Reason      string `cbor:"3,keyasint,omitempty" json:"reason,omitempty"`
	Cause       string `cbor:"4,keyasint,omitempty" json:"cause,omitempty"` // the first cause, one line
	Code        string `cbor:"5,keyasint,omitempty" json:"code,omitempty"`  // of it
	Boot        string `cbor:"6,keyasint,omitempty" json:"boot,omitempty"`  // id of the daemon's run
	At          int64  `cbor:"7,keyasint" json:"at"`                        // ns since 1970, when it happened; the marker has when it was written
	Node        *Node  `cbor:"8,keyasint,omitempty" json:"node,omitempty"`  // of "added"
}

// Node says what a node of the tree is.
type Node struct {
	Kind     string `cbor:"1,keyasint" json:"kind"`                         // supervisor, extension, actor
	Strategy string `cbor:"2,keyasint,omitempty" json:"strategy,omitempty"` // of a supervisor
	Restart  string `cbor:"3,keyasint,omitempty" json:"restart,omitempty"`  // permanent, transient, temporary; empty at the root
	Place    uint32 `cbor:"4,keyasint" json:"place"`                        // among its siblings, from 0, when it was added
}

// Receipt is the body of a marker of the kind "receipt", and the value of the key "receipt/" with ID: an exception that
// a peer with role security granted. A revoked one stays, and says so: the absence of a key is never a revocation
// (rule D6).
type Receipt struct {
	ID      string   `cbor:"1,keyasint" json:"id"`
	Action  string   `cbor:"2,keyasint" json:"action"`
	Scope   string   `cbor:"3,keyasint" json:"scope"`
	Reason  string   `cbor:"4,keyasint" json:"reason"`
	Granted int64    `cbor:"5,keyasint" json:"granted"` // ns since 1970
	Expires int64    `cbor:"6,keyasint" json:"expires"` // ns since 1970
	UID     int      `cbor:"7,keyasint" json:"uid"`     // who
	Roles   []string `cbor:"8,keyasint" json:"roles"`   // of that peer
	Revoked *Revoked `cbor:"9,keyasint,omitempty" json:"revoked,omitempty"`
}

// Revoked says who took a receipt back, and why.
type Revoked struct {
	At     int64    `cbor:"1,keyasint" json:"at"` // ns since 1970
	Reason string   `cbor:"2,keyasint,omitempty" json:"reason,omitempty"`
	UID    int      `cbor:"3,keyasint" json:"uid"`
	Roles  []string `cbor:"4,keyasint" json:"roles"`
}
