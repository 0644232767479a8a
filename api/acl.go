package api

import (
	"cmp"
	"encoding/binary"
	stderrors "errors"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// aclEntry is one row of a POSIX access control list (acl(5)) in the form of the kernel's extended attribute.
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// The tags, in the order that the kernel wants, and the version of the form.
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclVersion = 2
	aclNobody  = math.MaxUint32 // the id of a tag that has none
	aclConnect = 6              // connect(2) asks for write; read goes with it
)

// aclOf lets those connect whom the rules name, beside the owner and what the mode gives the socket's own group;
// nil where the rules name nobody.
func aclOf(rules []RoleRule, groupPerm uint16) []byte {
	var named []aclEntry
	for _, r := range rules {
		if r.UID != nil {
			named = append(named, aclEntry{aclUser, aclConnect, uint32(*r.UID)})
		} else {
			named = append(named, aclEntry{aclGroup, aclConnect, uint32(*r.GID)})
		}
	}
	if len(named) == 0 {
		return nil
	}
	all := append(named, aclEntry{aclUserObj, aclConnect, aclNobody}, aclEntry{aclGroupObj, groupPerm, aclNobody},
		aclEntry{aclMask, aclConnect, aclNobody}, aclEntry{aclOther, 0, aclNobody})
	slices.SortFunc(all, func(a, b aclEntry) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.id, b.id)) })
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range slices.Compact(all) { // a user may have several roles
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// admit opens the socket to whom the rules name, and to nobody else: what each may do is decided per request.
// The mode must be set before; chmod(2) would change the list.
func admit(path string, rules []RoleRule, groupPerm uint16) error {
	list := aclOf(rules, groupPerm)
	if list == nil {
		return nil
	}
	err := unix.Lsetxattr(path, "system.posix_acl_access", list, 0)
	if stderrors.Is(err, unix.EOPNOTSUPP) {
		return stderrors.New("its file system has no access control lists, which the roles of other users need; put the socket on tmpfs or ext4")
	}
	return err
}
