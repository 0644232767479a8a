// Package ambient holds the cases of rule C5.
package ambient

import (
	crand "crypto/rand"
	"math/rand"
	randv2 "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

type (
	tick struct{}
	at   struct{ t time.Time }
	keep struct{ now func() time.Time }
)

func badNow(cx *actors.Cx) error { return cx.Tell(cx.Self(), at{time.Now()}) } // want `time.Now is ambient authority in code that holds a Cx; use cx.Now`

func badSince(_ *actors.Cx, t time.Time) time.Duration { return time.Since(t) } // want `time.Since is ambient`

func badSleep(_ *actors.Cx) { time.Sleep(time.Millisecond) } // want `time.Sleep is ambient`

func badTimer(_ *actors.Cx) <-chan time.Time { return time.After(time.Second) } // want `time.After is ambient`

func badTicker(_ *actors.Cx) { time.NewTicker(time.Second).Stop() } // want `time.NewTicker is ambient`

func badRand(_ *actors.Cx) int { return rand.Intn(6) } // want `rand.Intn is ambient authority .*use cx.Rand`

func badRandV2(_ *actors.Cx) int { return randv2.IntN(6) } // want `rand.IntN is ambient`

func badRandGeneric(_ *actors.Cx) int64 { return randv2.N(int64(6)) } // want `rand.N is ambient`

func badCrypto(_ *actors.Cx, b []byte) { _, _ = crand.Read(b) } // want `rand.Read is ambient`

func badRead(_ *actors.Cx) ([]byte, error) { return os.ReadFile("x") } // want `os.ReadFile is ambient`

func badStat(_ *actors.Cx) error { _, err := os.Stat("x"); return err } // want `os.Stat is ambient`

func badGlob(_ *actors.Cx) ([]string, error) { return filepath.Glob("*") } // want `filepath.Glob is ambient`

func badExec(_ *actors.Cx) error { return exec.Command("true").Run() } // want `exec.Command is ambient` `exec.Cmd.Run is ambient`

func badExit(_ *actors.Cx) { os.Exit(1) } // want `os.Exit is ambient`

func badDial(_ *actors.Cx) (net.Conn, error) { return net.Dial("tcp", "x:1") } // want `net.Dial is ambient`

func badDialer(cx *actors.Cx, d *net.Dialer) (net.Conn, error) {
	return d.DialContext(cx, "tcp", "x:1") // want `net.Dialer.DialContext is ambient`
}

func badHTTP(_ *actors.Cx) (*http.Response, error) { return http.Get("http://x") } // want `http.Get is ambient`

func badClient(_ *actors.Cx, c *http.Client, q *http.Request) (*http.Response, error) {
	return c.Do(q) // want `http.Client.Do is ambient`
}

func badGo(_ *actors.Cx, f func()) {
	go f() // want `a go statement is ambient authority`
}

func badGroup(_ *actors.Cx, wg *sync.WaitGroup, f func()) {
	wg.Go(f) // want `sync.WaitGroup.Go is ambient`
}

// Deferred, as a value, in a literal, in a helper, in a helper's helper: it is the same.
func badDeferred(_ *actors.Cx) {
	defer os.Remove("x") // want `os.Remove is ambient`
}

func badValue(_ *actors.Cx) keep {
	return keep{now: time.Now} // want `time.Now is ambient`
}

func badLiteral(cx *actors.Cx) error {
	stamp := func() time.Time { return time.Now() } // want `time.Now is ambient`
	return cx.Tell(cx.Self(), at{stamp()})
}

func badHelper(cx *actors.Cx) error {
	return cx.Tell(cx.Self(), at{stamp()}) // want `stamp reaches ambient authority from code that holds a Cx, on the path \d+ stamp > \d+ clock > \d+ time.Now; use cx.Now`
}

func stamp() time.Time { return clock().UTC() }

func clock() time.Time { return time.Now() }

var badHandler = actors.Func(func(cx *actors.Cx, msg any) error {
	switch msg.(type) {
	case tick:
		return cx.Tell(cx.Self(), at{time.Now()}) // want `time.Now is ambient`
	}
	return nil
})
