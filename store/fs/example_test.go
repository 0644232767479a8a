package fs_test

import (
	"errors"
	"fmt"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// Every crash in a Publish leaves the old content or the new one.
func Example() {
	work := func(m *fs.Mem) error { return fs.Publish(m, "head", []byte("new")) }
	start := func() *fs.Mem {
		m := fs.NewMem()
		if err := fs.Publish(m, "head", []byte("old")); err != nil {
			panic(err)
		}
		return m
	}

	m := start()
	first := m.Ops() + 1
	if err := work(m); err != nil {
		panic(err)
	}
	for n := first; n <= m.Ops(); n++ {
		fmt.Printf("crash at change %d:", n-first+1)
		for _, seed := range []uint64{fs.LoseAll, fs.KeepAll} {
			m := start()
			m.StopAt(n, fs.After)
			if err := work(m); !errors.Is(err, fs.ErrCrashed) {
				panic(err)
			}
			f, err := m.Crash(seed).Open("head")
			if err != nil {
				panic(err)
			}
			b := make([]byte, 3)
			if _, err := f.ReadAt(b, 0); err != nil {
				panic(err)
			}
			fmt.Printf(" %s", b)
		}
		fmt.Println()
	}
	// Output:
	// crash at change 1: old old
	// crash at change 2: old old
	// crash at change 3: old old
	// crash at change 4: old new
	// crash at change 5: new new
}
