package store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// childDir makes the test binary a process that commits to the store there until it is killed.
const childDir = "FNODE_STORE_CHILD"

// killTx is a transaction by its number.
func killTx(n int) core.Tx {
	v := bytes.Repeat([]byte{byte(n)}, n*37%700)
	tx := core.Tx{Kind: "kv", Set: []core.KV{{Key: fmt.Sprintf("k/%d", n%97), Value: v}, {Key: fmt.Sprintf("l/%d", n%89), Value: v}}, Actor: strconv.Itoa(n)}
	if n%5 == 0 {
		tx.Delete = []string{fmt.Sprintf("k/%d", n%13)}
	}
	return tx
}

func killOptions(dir string) store.Options {
	return store.Options{Dir: dir, Segment: 1 << 20, Every: 3000, Log: slog.New(slog.DiscardHandler)}
}

// beKilled commits numbers from from on, by 16 writers, and says each acknowledged one.
func beKilled(dir string, from int) {
	s, err := store.Open(killOptions(dir))
	if err != nil {
		fmt.Println("e", err)
		os.Exit(1)
	}
	var next atomic.Int64
	next.Store(int64(from))
	var mu sync.Mutex
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() { // owner: this function; ends: with the process
			for {
				n := int(next.Add(1) - 1)
				r := commit(s, killTx(n))
				mu.Lock()
				if r.Err != nil {
					fmt.Println("e", r.Err)
					os.Exit(1)
				}
				fmt.Println("a", n, r.Seq)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
}

// TestD5NothingAcknowledgedIsLostToSIGKILL kills a real process under load again and again; what it acknowledged is
// kept outside. After each kill the verifier finds nothing, and the next start has everything.
func TestD5NothingAcknowledgedIsLostToSIGKILL(t *testing.T) {
	if testing.Short() {
		t.Skip("needs: processes")
	}
	dir := filepath.Join(t.TempDir(), "data")
	rnd := rand.New(rand.NewPCG(7, 7))
	acked, next := map[int]uint64{}, 0
	least, long, began := counted(5, 200), time.Duration(counted(0, 300))*time.Second, time.Now()
	rounds := 0
	for ; rounds < least || time.Since(began) < long; rounds++ {
		life := time.Duration(20+rnd.IntN(400)) * time.Millisecond
		for n, seq := range killed(t, dir, next, life) {
			acked[n] = seq
			next = max(next, n+1)
		}
		next += 32 // numbers in flight are not used again
		r, err := store.Verify(killOptions(dir))
		if err != nil || len(r.Faults) > 0 {
			t.Fatalf("round %d: %v %v", rounds, err, r.Faults)
		}
		checkKilled(t, dir, acked)
	}
	t.Logf("%d kills in %s, %d acknowledged, lost 0", rounds, time.Since(began).Round(time.Second), len(acked))
}

// killed runs a child, kills it after life counted from its first acknowledgement, and gives what it acknowledged.
func killed(t *testing.T, dir string, from int, life time.Duration) map[int]uint64 {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := exec.Command(exe)
	c.Env = append(os.Environ(), childDir+"="+dir, childDir+"_FROM="+strconv.Itoa(from))
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	acked, lines := map[int]uint64{}, bufio.NewScanner(out)
	var once sync.Once
	for lines.Scan() {
		once.Do(func() { time.AfterFunc(life, func() { _ = c.Process.Kill() }) })
		var n int
		var seq uint64
		if strings.HasPrefix(lines.Text(), "e ") {
			t.Error(lines.Text())
		}
		if k, _ := fmt.Sscanf(lines.Text(), "a %d %d", &n, &seq); k == 2 {
			acked[n] = seq
		}
	}
	_ = c.Wait() // killed
	return acked
}

// checkKilled opens the store and holds it against what was acknowledged and what its stream leads to.
func checkKilled(t *testing.T, dir string, acked map[int]uint64) {
	t.Helper()
	s, err := store.Open(killOptions(dir))
	must(t, err)
	want, seen := map[string][]byte{}, map[int]uint64{}
	must(t, s.Entries(1, s.Head().Seq, func(e store.Entry) error {
		if e.Payload.Actor == "" {
			return nil
		}
		n, err := strconv.Atoi(e.Payload.Actor)
		if _, twice := seen[n]; err != nil || twice {
			return fmt.Errorf("marker %d: %q twice, or no number", e.Seq, e.Payload.Actor)
		}
		seen[n] = e.Seq
		tx := killTx(n)
		if len(tx.Set) != len(e.Payload.Set) || len(tx.Delete) != len(e.Payload.Delete) || !bytes.Equal(tx.Set[0].Value, e.Payload.Set[0].Value) {
			return fmt.Errorf("%d is there in part", n)
		}
		for _, kv := range tx.Set {
			want[kv.Key] = kv.Value
		}
		for _, k := range tx.Delete {
			delete(want, k)
		}
		return nil
	}))
	for n, seq := range acked {
		if seen[n] != seq {
			t.Fatalf("%d was acknowledged as %d and is at %d; %+v", n, seq, seen[n], s.How())
		}
	}
	kvs, err := s.Scan("", 1000)
	must(t, err)
	for _, kv := range kvs {
		if v, ok := want[kv.Key]; !ok || !bytes.Equal(v, kv.Value) {
			t.Fatalf("%s is not what the stream leads to", kv.Key)
		}
	}
	if len(kvs) != len(want) {
		t.Fatalf("%d keys, want %d", len(kvs), len(want))
	}
	must(t, s.Close())
}
