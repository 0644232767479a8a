package api

import (
	"cmp"
	"fmt"
	"slices"
)

// Role is what a peer may be. A peer can have several.
type Role string

// The roles, most powerful first.
const (
	Operator Role = "operator"
	Author   Role = "author"
	Security Role = "security"
	Auditor  Role = "auditor"
	Viewer   Role = "viewer"
)

var allRoles = []Role{Operator, Author, Security, Auditor, Viewer}

// Permission is what a request needs.
type Permission string

// The permissions.
const (
	PermView    Permission = "view"    // status, tree, describe, why, events
	PermLogs    Permission = "logs"    // what extensions wrote
	PermInvoke  Permission = "invoke"  // call a method
	PermControl Permission = "control" // stop, start, restart
	PermApply   Permission = "apply"   // another configuration
	PermDebug   Permission = "debug"   // profiles of the daemon
	PermLedger  Permission = "ledger"  // what markers say, proofs, bundles, verification
	PermUpkeep  Permission = "upkeep"  // checkpoint, back up and prune the ledger
	PermReceipt Permission = "receipt" // grant and revoke receipts
	permNone    Permission = ""        // whoami and the health probes
)

// grants says which roles give a permission.
var grants = []struct {
	perm  Permission
	roles []Role
}{
	{PermView, []Role{Operator, Author, Security, Auditor, Viewer}},
	{PermLogs, []Role{Operator, Author, Security, Auditor}},
	{PermInvoke, []Role{Operator, Author}},
	{PermControl, []Role{Operator, Author}},
	{PermApply, []Role{Operator}},
	{PermDebug, []Role{Operator}},
	{PermLedger, []Role{Operator, Security, Auditor}},
	{PermUpkeep, []Role{Operator}},
	{PermReceipt, []Role{Security}},
}

// RoleRule gives a role to a uid, or to everyone in a group: exactly one of both is set.
type RoleRule struct {
	Role Role
	UID  *int
	GID  *int
}

// Peer is the process at the other end of the socket, by SO_PEERCRED and SO_PEERGROUPS, with the roles
// that the table gives it and why.
type Peer struct {
	UID, GID, PID int
	Groups        []int
	Roles         []Role
	Why           []string
}

// May reports whether one of the peer's roles gives the permission.
func (p Peer) May(perm Permission) bool {
	if perm == permNone {
		return true
	}
	for _, g := range grants {
		if g.perm == perm {
			return slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(g.roles, r) })
		}
	}
	return false
}

func (p Peer) permissions() []string {
	out := []string{}
	for _, g := range grants {
		if p.May(g.perm) {
			out = append(out, string(g.perm))
		}
	}
	return out
}

// assign decides the roles of a peer: root and the daemon's own uid are operators, the rest is the table.
func assign(p Peer, owner int, rules []RoleRule) Peer {
	give := func(r Role, format string, args ...any) {
		p.Why = append(p.Why, fmt.Sprintf("%s: ", r)+fmt.Sprintf(format, args...))
		if !slices.Contains(p.Roles, r) {
			p.Roles = append(p.Roles, r)
		}
	}
	switch p.UID {
	case 0:
		give(Operator, "uid 0 is root")
	case owner:
		give(Operator, "uid %d runs the daemon", owner)
	}
	for _, r := range rules {
		switch {
		case r.UID != nil && *r.UID == p.UID:
			give(r.Role, "the table gives it to uid %d", p.UID)
		case r.GID != nil && (*r.GID == p.GID || slices.Contains(p.Groups, *r.GID)):
			give(r.Role, "the table gives it to group %d", *r.GID)
		}
	}
	slices.SortFunc(p.Roles, func(a, b Role) int { return cmp.Compare(slices.Index(allRoles, a), slices.Index(allRoles, b)) })
	if len(p.Roles) == 0 {
		p.Why = []string{fmt.Sprintf("no rule names uid %d or one of its groups", p.UID)}
	}
	return p
}
