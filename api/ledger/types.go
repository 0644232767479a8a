package ledger

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
)

// Head is the ledger in one look. Sizes are in bytes.
type Head struct {
	api.Meta
	Store      string      `json:"store"` // its identity, in hex
	Seq        uint64      `json:"seq"`   // the last durable marker
	Chain      string      `json:"chain"` // that marker's id, in hex
	Root       string      `json:"root"`  // of the range of Seq markers, in hex
	Time       time.Time   `json:"time"`  // of that marker
	Base       uint64      `json:"base"`  // the marker before the oldest that is kept
	Checkpoint *Checkpoint `json:"checkpoint"`
	Snapshots  []uint64    `json:"snapshots"` // the markers after which the state was dumped, newest first
	Bytes      int64       `json:"bytes"`
	Quota      int64       `json:"quota"` // zero: no bound but the disk's
	Growth     *Growth     `json:"growth"`
	Refused    string      `json:"refused,omitempty"` // what is refused now, and why; empty: nothing
	Stops      []Stop      `json:"stops"`             // what stops, in order
	Unwritten  Unwritten   `json:"unwritten"`
	Opened     string      `json:"opened"` // how the open went
}

// Checkpoint is the newest signed one. It covers the markers up to Covers.
type Checkpoint struct {
	Seq    uint64    `json:"seq"`
	Covers uint64    `json:"covers"`
	Root   string    `json:"root"`
	Key    string    `json:"key"` // that signed it: ed25519, in hex
	Time   time.Time `json:"time"`
}

// Growth is measured by the times of the markers, over a day at most. PerDay is null under a minute.
type Growth struct {
	Bytes  int64  `json:"bytes"`
	OverNS int64  `json:"over_ns"`
	PerDay *int64 `json:"per_day"`
}

// Stop says which kinds are refused from where on. Bytes is null where it is the disk's free room that counts.
type Stop struct {
	When  string   `json:"when"`
	Bytes *int64   `json:"bytes"`
	Now   bool     `json:"now"`
	Kinds []string `json:"kinds"`
}

// Unwritten counts commits since the daemon started that the store refused, and those that failed.
type Unwritten struct {
	Refused uint64 `json:"refused"`
	Failed  uint64 `json:"failed"`
}

// Entry is one marker with what its payload says.
type Entry struct {
	api.Meta
	Seq     uint64          `json:"seq"`
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Time    time.Time       `json:"time"`
	Epoch   uint64          `json:"epoch,omitempty"`
	Trace   string          `json:"trace,omitempty"`
	Region  string          `json:"region,omitempty"`
	Actor   string          `json:"actor,omitempty"`
	Summary string          `json:"summary"` // one line
	Prev    string          `json:"prev"`
	Digest  string          `json:"digest"` // of the payload
	Length  uint32          `json:"length"` // of it, in bytes
	Pruned  bool            `json:"pruned,omitempty"`
	Set     []Write         `json:"set,omitempty"`
	Delete  []string        `json:"delete,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"` // by kind
	Proof   *Proof          `json:"proof,omitempty"`
}

// Write is a key of the state that a marker sets, quoted as Go does where it is no text, and the size of its value.
type Write struct {
	Key   string `json:"key"`
	Bytes int    `json:"bytes"`
}

// Proof shows that a marker is among the first At: the root of those, and the siblings up to its peak and beyond.
type Proof struct {
	At      uint64 `json:"at"`
	Root    string `json:"root"`
	Encoded string `json:"encoded"` // as docs/store.md says, in hex
}

// List is some markers, the newest last. More says that there are older ones that fit.
type List struct {
	api.Meta
	First uint64  `json:"first"` // of the sequences that were looked at
	Last  uint64  `json:"last"`
	More  bool    `json:"more"`
	Items []Entry `json:"items"`
}

// Query selects markers: what is zero does not count. Path is a node's and all below it.
type Query struct {
	First, Last  uint64
	Path, Kind   string
	Since, Until string // as Place has them
	Limit        int    // default 100, at most MaxLimit
}

// MaxLimit is how many markers one list has.
const MaxLimit = 1000

// Verification is what reading everything again found.
type Verification struct {
	api.Meta
	OK          bool    `json:"ok"`
	Store       string  `json:"store"`
	Base        uint64  `json:"base"`
	Head        uint64  `json:"head"`
	Root        string  `json:"root"`
	Checkpoints int     `json:"checkpoints"`     // whose signature and content hold
	Signed      uint64  `json:"signed"`          // the newest marker that one covers
	Snapshots   int     `json:"snapshots"`       // that are whole
	State       string  `json:"state,omitempty"` // why the state is made anew at the next open
	Torn        string  `json:"torn,omitempty"`  // a tail that the next open cuts
	Faults      []Fault `json:"faults"`
}

// Fault is a bad place.
type Fault struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
}

// Progress is an item of a verification's stream; the last one has the Report.
type Progress struct {
	Done   uint64        `json:"done"`
	Of     uint64        `json:"of"`
	Report *Verification `json:"report,omitempty"`
}

// PruneRequest says what to let go of: payloads of ephemeral kinds up to a place, and whole segments before a marker.
type PruneRequest struct {
	Ephemeral string `json:"ephemeral_before,omitempty"` // as Place has it
	Before    uint64 `json:"before,omitempty"`
	Why       string `json:"why"`
	DryRun    bool   `json:"dry_run,omitempty"`
}

// Done is what an upkeep did.
type Done struct {
	api.Meta
	What     string `json:"what"` // checkpoint, backup, prune, rebuild, repair, restore
	DryRun   bool   `json:"dry_run"`
	Seq      uint64 `json:"seq"`                // of the head, or of the head that is kept or restored
	Behind   uint64 `json:"behind,omitempty"`   // prune: the snapshot behind which; restore: what had been witnessed
	Base     uint64 `json:"base,omitempty"`     // prune: the marker before the oldest that is kept
	Payloads int    `json:"payloads,omitempty"` // that went
	Segments int    `json:"segments,omitempty"` // that went
	Bytes    int64  `json:"bytes,omitempty"`    // that went, or were written
	Lost     uint64 `json:"lost,omitempty"`     // repair: the last marker that is known to have been there
	Place    string `json:"place,omitempty"`    // repair: what is wrong, and where
	Aside    string `json:"aside,omitempty"`    // folder of what was replaced or given up
	Dir      string `json:"dir,omitempty"`      // of a backup
	Detail   string `json:"detail,omitempty"`
}

// BackupRequest names an empty or missing folder where the daemon runs, by its absolute path.
type BackupRequest struct {
	Dir string `json:"dir"`
}

// GrantRequest asks for a receipt. ExpiresNS is from now.
type GrantRequest struct {
	Action    string `json:"action"`
	Scope     string `json:"scope"`
	Reason    string `json:"reason"`
	ExpiresNS int64  `json:"expires_ns"`
}

// RevokeRequest takes a receipt back.
type RevokeRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// Receipt is an exception that a peer with role security granted. State is valid, expired or revoked.
type Receipt struct {
	api.Meta
	ID      string     `json:"id"`
	Action  string     `json:"action"`
	Scope   string     `json:"scope"`
	Reason  string     `json:"reason"`
	State   string     `json:"state"`
	Granted time.Time  `json:"granted"`
	Expires time.Time  `json:"expires"`
	UID     int        `json:"uid"`
	Roles   []api.Role `json:"roles"`
	Revoked *Revoked   `json:"revoked,omitempty"`
}

// Revoked says when, by whom and why a receipt was taken back.
type Revoked struct {
	Time   time.Time  `json:"time"`
	Reason string     `json:"reason,omitempty"`
	UID    int        `json:"uid"`
	Roles  []api.Role `json:"roles"`
}

// ReceiptList is every receipt that was ever granted, by id.
type ReceiptList struct {
	api.Meta
	Items []Receipt `json:"items"`
}

// Selection says what a bundle is of: a range, a path, or the incident of a marker. The zero value is the whole ledger.
type Selection struct {
	First, Last uint64
	Path        string
	Incident    uint64
}

// Reader answers from the stream. An unknown marker is codes.NoMarker.
type Reader interface {
	Head() (Head, error)
	Entry(seq uint64, proof bool) (Entry, error)
	List(q Query) (List, error)
	// Verify reads everything again; progress may end it with an error.
	Verify(progress func(done, of uint64) error) (Verification, error)
}

// Views are the tree and its causes as of a place of the stream.
type Views interface {
	TreeAt(place string) (api.Tree, error)
	WhyAt(path, place string) (api.Why, error)
}

// Keeper keeps the ledger up.
type Keeper interface {
	Checkpoint() (Done, error)
	Backup(r BackupRequest) (Done, error)
	Prune(r PruneRequest) (Done, error)
	// Export checks the selection before it answers.
	Export(s Selection, who api.Peer) (io.WriterTo, error)
}

// Receipts grants, lists and revokes.
type Receipts interface {
	Grant(ctx context.Context, r GrantRequest, who api.Peer) (Receipt, error)
	Revoke(ctx context.Context, r RevokeRequest, who api.Peer) (Receipt, error)
	Receipts() (ReceiptList, error)
}

// Backend is what the daemon implements.
type Backend interface {
	Reader
	Views
	Keeper
	Receipts
}
