package api

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestWhoamiHelper is the process of another user; by itself it does nothing.
func TestWhoamiHelper(t *testing.T) {
	sock := os.Getenv("FNODE_WHOAMI")
	if sock == "" {
		return
	}
	w, err := Dial(sock).WhoAmI(context.Background())
	if err != nil {
		t.Fatal(err, codes.From(err).Facts)
	}
	if err := json.NewEncoder(os.Stdout).Encode(w); err != nil {
		t.Fatal(err)
	}
}

// as runs the helper under a uid and gid and gives what it printed.
func as(t *testing.T, sock string, uid, gid uint32) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestWhoamiHelper$", "-test.v")
	cmd.Env = []string{"FNODE_WHOAMI=" + sock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("needs: to start this test as another user: %v", err)
	}
	return string(out)
}

// openFolder is a folder that others may pass through: t.TempDir is closed to them.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fnode-acl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // others have to pass
		t.Fatal(err)
	}
	return dir
}

func TestARoleReachesTheSocketAndNobodyElseDoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs: root, to be somebody else")
	}
	uid, gid := 65534, 61001
	sock := filepath.Join(openFolder(t), "run", "api.sock")
	run(t, newMemory(), Options{Socket: sock, Roles: []RoleRule{{Role: Viewer, UID: &uid}, {Role: Auditor, UID: &uid}, {Role: Author, GID: &gid}}})
	for _, row := range []struct {
		uid, gid uint32
		want     string
	}{
		{65534, 65534, `"roles":["auditor","viewer"]`},
		{61002, 61001, `"roles":["author"]`},
		{61002, 61002, "permission denied"},
		{61002, 61002, "uid = 61002"},
	} {
		t.Run(strconv.Itoa(int(row.uid))+":"+strconv.Itoa(int(row.gid)), func(t *testing.T) {
			if out := as(t, sock, row.uid, row.gid); !strings.Contains(out, row.want) {
				t.Errorf("want %s, got\n%s", row.want, out)
			}
		})
	}
}

func TestWithoutRolesTheSocketIsTheOwnersOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs: root, to be somebody else")
	}
	sock := filepath.Join(openFolder(t), "api.sock")
	run(t, newMemory(), Options{Socket: sock})
	if out := as(t, sock, 65534, 65534); !strings.Contains(out, "permission denied") {
		t.Error(out)
	}
}
