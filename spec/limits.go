package spec

// MostKV bounds what a package may ask of the store for itself: nobody trusts it yet.
const MostKV = 64 << 20 // bytes of keys and values

// The least that the default engine starts with. Less is refused where it is written, with its place, and not
// by an engine that dies of it.
const (
	LeastHeap   = 2 << 20  // bytes: the shims alone take a good megabyte
	LeastMemory = 16 << 20 // bytes: the process around the heap
	LeastPids   = 8        // threads of a Go process count
)
