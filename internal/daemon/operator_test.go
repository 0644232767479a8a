package daemon_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestAHangupWithoutATerminalChangesNothing(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.attr = syscall.SysProcAttr{Setsid: true}
	r.up()
	pid := r.pid("a")
	r.signal(syscall.SIGHUP)
	r.eventually("it is refused", func() bool { return strings.Contains(r.out.String(), "hangup: this release cannot reload") })
	r.expect("a", "ok", "null", `"ok"`)
	if now := r.pid("a"); now != pid {
		t.Errorf("the engine is another one: %d, %d", pid, now)
	}
	r.stop()
	nothingLeft(t, r, pid)
}

func TestATerminalThatClosesDrains(t *testing.T) {
	master, slave := terminal(t)
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.stdin = slave
	r.attr = syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	r.up()
	pid := r.pid("a")
	if err := errors.Join(slave.Close(), master.Close()); err != nil {
		t.Fatal(err)
	}
	if code := r.end(); code != 0 || !strings.Contains(r.out.String(), "left nothing") {
		t.Fatalf("exit %d\n%s", code, r.out)
	}
	nothingLeft(t, r, pid)
}

// terminal makes a pseudo terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs: pseudo terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
		t.Skipf("needs: pseudo terminals: %v", err)
	}
	return master, slave
}

// TestWhoReadsTheOutputMayGo: `fnode-supervisor run | head`, or a tee that the same Ctrl-C ends.
func TestWhoReadsTheOutputMayGo(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.stderr = writer
	r.up()
	pid := r.pid("a")
	if err := errors.Join(writer.Close(), reader.Close()); err != nil {
		t.Fatal(err)
	}
	r.signal(os.Interrupt)
	if code := r.end(); code != 0 {
		t.Fatalf("exit %d, by %v", code, r.cmd.ProcessState)
	}
	nothingLeft(t, r, pid)
}

func TestADataDirectoryThatIsTakenAwayIsToldAndTheDaemonStillEnds(t *testing.T) {
	r := newRig(t)
	r.write("a", `{"methods":{"ok":{},"put":{}},"capabilities":["kv"]}`, "import { set } from 'fnode:kv';\nexport const ok = () => 'ok';\nexport const put = (v) => set('k', v);\n")
	r.up()
	r.expect("a", "put", "1", "null")
	if err := os.RemoveAll(filepath.Join(r.dir, "data")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.invoke("a", "put", "2"); err == nil {
		t.Errorf("a write that nobody would ever read was taken: %s", got)
	}
	r.expect("a", "ok", "null", `"ok"`)
	s, err := r.c.Status(r.ctx())
	if err != nil || s.Ready {
		t.Errorf("ready: %+v %v", s, err)
	}
	pid := r.pid("a")
	r.signal(syscall.SIGTERM)
	if code := r.end(); code != codes.ExitIO || !strings.Contains(r.out.String(), "left nothing") || !strings.Contains(r.out.String(), "was taken away") {
		t.Fatalf("exit %d\n%s", code, r.out)
	}
	nothingLeft(t, r, pid)
}

func TestAStateIsAsOldAsTheEndThatMadeIt(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	before := time.Now()
	if _, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	if n := r.node("sup/ext/a"); n.State != "Stopped" || n.Since == nil || n.Since.Before(before) {
		t.Errorf("%s since %v, stopped after %v", n.State, n.Since, before)
	}
	r.stop()
}

// TestConnectionsForMetricsAreBounded: everybody on this machine reaches that port.
func TestConnectionsForMetricsAreBounded(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r.up("--metrics-listen", addr)
	var all []net.Conn
	for range 64 {
		c := ask(t, addr)
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != http.StatusNotFound {
			t.Fatal(res, err)
		}
		all = append(all, c)
	}
	over := ask(t, addr)
	_ = over.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := over.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one more was answered: %v", err)
	}
	for _, c := range all {
		_ = c.Close()
	}
	_ = over.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err != nil {
		t.Errorf("it is not answered when there is room again: %v", err)
	}
	_ = over.Close()
	r.stop()
}

// ask sends a request and keeps the connection.
func ask(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_, err = c.Write([]byte("GET /none HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
