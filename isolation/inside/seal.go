package inside

import (
	"errors"
	"runtime"
)

// CanSeal reports whether a filter is built for this processor.
func CanSeal() bool { return runtime.GOARCH == "amd64" && filterBuilt }

const filterBuilt = false

// Seal forbids every system call but those of the list.
func Seal() error { return errors.New("inside: no filter is built for this processor") }
