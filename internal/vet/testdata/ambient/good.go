package ambient

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
)

func okNow(cx *actors.Cx) error { return cx.Tell(cx.Self(), at{cx.Now()}) }

func okDuration(cx *actors.Cx, t time.Time) time.Duration { return cx.Now().Sub(t).Round(time.Second) }

func okUnix(_ *actors.Cx, ns int64) time.Time { return time.Unix(0, ns).Add(time.Hour) }

func okTimer(cx *actors.Cx) error { _, err := cx.After(time.Second, tick{}); return err }

func okRand(cx *actors.Cx) uint64 { return cx.Rand() % 6 }

// A generator that is seeded by the Cx gives the run's randomness.
func okSeeded(cx *actors.Cx) int { return rand.New(rand.NewPCG(cx.Rand(), 1)).IntN(6) }

func okStore(cx *actors.Cx) ([]byte, error) { b, _, err := cx.Read("k"); return b, err }

func okNames(_ *actors.Cx, a net.Addr, u string) string { return net.JoinHostPort(a.String(), u) }

func okParses(_ *actors.Cx, s string) (net.IP, error) {
	if ip := net.ParseIP(s); ip != nil {
		return ip, nil
	}
	return nil, os.ErrNotExist
}

func okErrors(_ *actors.Cx, err error) bool {
	return errors.Is(err, os.ErrNotExist) || os.IsTimeout(err)
}

func okHeader(_ *actors.Cx) string { return http.StatusText(http.StatusOK) + strings.ToUpper("x") }

func okPrints(cx *actors.Cx) { fmt.Println(cx.Path()) }

// Without a Cx it is another room's business: internal/lint says which.
func okOutside() time.Time { return time.Now() }

func okDriver(cx *actors.Cx, res actors.Resource) error {
	end, err := cx.Own(regions.Goroutine, res)
	if err != nil {
		return err
	}
	port := cx.Port()
	go func() { // owner: the region, by end; ends: the file is read
		b, err := os.ReadFile("x")
		port.Urgent(read{b, err, time.Now()})
		end(base.OutcomeOk)
	}()
	return nil
}

type read struct {
	b   []byte
	err error
	at  time.Time
}

type driver struct {
	end  func(base.Outcome)
	port actors.Port
}

func (d *driver) run() {
	_, err := net.Dial("tcp", "x:1")
	d.port.Urgent(err)
	d.end(base.OutcomeOk)
}

func okDriverStruct(cx *actors.Cx, res actors.Resource) (err error) {
	d := &driver{port: cx.Port()}
	if d.end, err = cx.Own(regions.Goroutine, res); err != nil {
		return err
	}
	go d.run() // owner: the region, by end; ends: the dial
	return nil
}

// A helper that is given the time reads no clock.
func okHelper(cx *actors.Cx) string { return format(cx.Now()) }

func format(t time.Time) string { return t.Format(time.RFC3339) }

func okMethodNamed(_ *actors.Cx, c clockOf) time.Time { return c.Now() }

type clockOf struct{ t time.Time }

func (c clockOf) Now() time.Time { return c.t }

func okInjected(_ *actors.Cx, now func() time.Time) time.Time { return now() }
