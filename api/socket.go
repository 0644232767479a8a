package api

import (
	"os"
	"path/filepath"
)

// SystemSocket is where the daemon of the whole machine listens.
const SystemSocket = "/run/fnode-supervisor/api.sock"

// DefaultSocket is where a daemon of that uid listens if nothing else is said: root on SystemSocket, others
// under XDG_RUNTIME_DIR, or without it under their home.
func DefaultSocket(uid int, getenv func(string) string) string {
	dir := getenv("XDG_RUNTIME_DIR")
	switch {
	case uid == 0:
		return SystemSocket
	case filepath.IsAbs(dir):
		return filepath.Join(dir, "fnode-supervisor", "api.sock")
	}
	return filepath.Join(getenv("HOME"), ".fnode-supervisor", "api.sock")
}

// FindSocket is where a client looks: FNODE_SOCKET, else the daemon of that uid if its socket is there,
// else the machine's if its is, else the first of these.
func FindSocket(uid int, getenv func(string) string) string {
	if s := getenv("FNODE_SOCKET"); s != "" {
		return s
	}
	own := DefaultSocket(uid, getenv)
	for _, s := range []string{own, SystemSocket} {
		if st, err := os.Lstat(s); err == nil && st.Mode().Type() == os.ModeSocket {
			return s
		}
	}
	return own
}
