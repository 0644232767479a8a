package isolation

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	tailSize = 8 << 10  // bytes of stderr that are kept: the last ones
	freeRead = 1 << 20  // bytes of stderr that are read at full speed
	slowStep = 64 << 10 // beyond it: so much, then a pause
	slowWait = 10 * time.Millisecond
)

// tail drains a child's stderr and keeps its end. A flood is slowed down, not buffered: the child then
// blocks in its own write.
type tail struct {
	file  *os.File
	done  chan struct{} // closed by the reader when it ends
	mu    sync.Mutex
	ring  [tailSize]byte // guarded by mu
	total int64          // guarded by mu: bytes ever read
	over  chan struct{}  // closed by finish: no more pauses
}

func newTail(f *os.File) *tail {
	t := &tail{file: f, done: make(chan struct{}), over: make(chan struct{})}
	// owner: finish joins it; ends: at end of file, at finish's deadline at the latest.
	go t.read()
	return t
}

func (t *tail) read() {
	defer close(t.done)
	buf := make([]byte, 16<<10)
	for since := 0; ; {
		n, err := t.file.Read(buf)
		total := t.keep(buf[:n])
		if err != nil {
			return
		}
		if since += n; total > freeRead && since >= slowStep {
			since = 0
			t.pause()
		}
	}
}

func (t *tail) pause() {
	timer := time.NewTimer(slowWait)
	defer timer.Stop()
	select {
	case <-t.over:
	case <-timer.C:
	}
}

func (t *tail) keep(b []byte) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	skip := max(0, len(b)-tailSize)
	t.total += int64(skip)
	for _, c := range b[skip:] {
		t.ring[t.total%tailSize] = c
		t.total++
	}
	return t.total
}

// last gives the kept end and how many bytes there ever were.
func (t *tail) last() ([]byte, int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total <= tailSize {
		return append([]byte(nil), t.ring[:t.total]...), t.total
	}
	at := t.total % tailSize
	return append(append([]byte(nil), t.ring[at:]...), t.ring[:at]...), t.total
}

// finish is called once, after the child's death: it waits for the rest, but no longer than a
// stranger who inherited the pipe may hold it open.
func (t *tail) finish() {
	close(t.over)
	_ = t.file.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	<-t.done
	t.file.Close()
}

// crash is the line of a Go runtime that says why it ends, ahead of a long trace.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |SIG[A-Z]+: ).*$`)

// lastWords is what matters in the end of an output: the line that names a crash, else all of it.
func lastWords(b []byte) string {
	if line := crash.Find(b); line != nil {
		b = line
	}
	return strings.TrimSpace(string(b))
}
