package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// work exercises the runtime: threads that start and end, collections, timers, memory given back.
func work() {
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		// owner: work joins it by wg; ends: by itself.
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // the thread ends with the goroutine
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
		}()
	}
	wg.Wait()
	<-time.After(2 * time.Millisecond)
	runtime.GC()
	debug.FreeOSMemory()
	_ = time.Now().Local().String()
}
