package api

import (
	"context"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// peerOf gives the peer of a request's connection; the zero Peer, which may do nothing, if it is unknown.
func peerOf(ctx context.Context) Peer {
	p, ok := ctx.Value(peerKey{}).(Peer)
	if !ok {
		return Peer{UID: -1, GID: -1, Why: []string{"the kernel did not say who is at the other end"}}
	}
	return p
}

// readPeer asks the kernel who connected (unix(7): SO_PEERCRED, SO_PEERGROUPS). The answer is of the time
// of connect(2), and cannot be forged by the peer.
func readPeer(c net.Conn) (Peer, error) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, unix.ENOTSOCK
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var inner error
	if err := raw.Control(func(fd uintptr) { p, inner = credentials(int(fd)) }); err != nil {
		return Peer{}, err
	}
	return p, inner
}

func credentials(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	return Peer{UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid), Groups: peerGroups(fd)}, nil
}

// peerGroups reads the supplementary groups; none where the kernel (before 4.13) cannot tell: a missing
// group can only take roles away.
func peerGroups(fd int) []int {
	buf := make([]uint32, 256)
	for range 2 {
		size := uint32(len(buf) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && size <= 65536*4:
			buf = make([]uint32, size/4)
		case errno != 0:
			return nil
		default:
			return ints(buf[:size/4])
		}
	}
	return nil
}

func ints(in []uint32) []int {
	out := make([]int, len(in))
	for i, v := range in {
		out[i] = int(v)
	}
	return out
}
